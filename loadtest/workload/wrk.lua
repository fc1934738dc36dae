-- SPDX-License-Identifier: Apache-2.0
--
-- What wrk sends and says for clients.py: arguments are PIPELINING NEW_CONNECTION(0|1), then for each route
-- WEIGHT METHOD BODY_BYTES PATH. Routes take turns by their weights, spread evenly.

local requests = {}
local at = 0

function init(args)
    local pipelining, new_connection = tonumber(args[1]), args[2] == "1"
    local routes, total = {}, 0
    for i = 3, #args, 4 do
        local headers, body = {}, nil
        if new_connection then headers["Connection"] = "close" end
        if tonumber(args[i + 2]) > 0 then body = string.rep("x", tonumber(args[i + 2])) end
        local route = { weight = tonumber(args[i]), credit = 0 }
        route.bytes = wrk.format(args[i + 1], args[i + 3], headers, body)
        total = total + route.weight
        routes[#routes + 1] = route
    end
    -- One turn of all weights: each step goes to the route that is owed most.
    local turn = {}
    for _ = 1, total do
        local best = nil
        for _, route in ipairs(routes) do
            route.credit = route.credit + route.weight
            if best == nil or route.credit > best.credit then best = route end
        end
        best.credit = best.credit - total
        turn[#turn + 1] = best.bytes
    end
    for i = 1, total do
        local batch = {}
        for k = 0, pipelining - 1 do batch[#batch + 1] = turn[(i - 1 + k) % total + 1] end
        requests[i] = table.concat(batch)
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local found = {}
    for _, share in ipairs({ 0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999 }) do
        local us = share == 0 and latency.min or latency:percentile(share * 100)
        found[#found + 1] = string.format("[%g,%.4f]", share, us / 1000)
    end
    local errors = summary.errors
    io.write(string.format(
        '\nRESULT {"requests":%d,"seconds":%.6f,"max_ms":%.4f,"distribution":[%s],"errors":{"connect":%d,"read":%d,' ..
        '"write":%d,"timeout":%d,"status":%d}}\n',
        summary.requests, summary.duration / 1e6, latency.max / 1000, table.concat(found, ","), errors.connect,
        errors.read, errors.write, errors.timeout, errors.status))
end
