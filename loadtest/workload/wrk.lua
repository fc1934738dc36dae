-- SPDX-License-Identifier: Apache-2.0
--
-- What wrk sends and says for clients.py: arguments are PIPELINING NEW_CONNECTION(0|1) HOST (empty: the address), then
-- METHOD BODY_BYTES PATH of each request, which take turns.

local requests = {}
local at = 0

function init(args)
    local pipelining, new_connection, host = tonumber(args[1]), args[2] == "1", args[3]
    local turn = {}
    for i = 4, #args, 3 do
        local headers, body = {}, nil
        if host ~= "" then headers["Host"] = host end
        if new_connection then headers["Connection"] = "close" end
        if tonumber(args[i + 1]) > 0 then body = string.rep("x", tonumber(args[i + 1])) end
        turn[#turn + 1] = wrk.format(args[i], args[i + 2], headers, body)
    end
    for i = 1, #turn do
        local batch = {}
        for k = 0, pipelining - 1 do batch[#batch + 1] = turn[(i - 1 + k) % #turn + 1] end
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
