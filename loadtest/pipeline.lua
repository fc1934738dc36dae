-- wrk: 16 requests leave together.
init = function(args)
   local all = {}
   for i = 1, 16 do all[i] = wrk.format(nil, wrk.path) end
   requests = table.concat(all)
end

request = function() return requests end
