-- The load of wrk: METHOD PATH [BODY_FILE] behind "--" on its command line.
-- "@GUID@" in path and body becomes a fresh guid with every request; all guids
-- have 36 characters, so the length of the body never changes. At the end one
-- line for the script that reads it:
--   result REQUESTS MICROSECONDS BAD_STATUS SOCKET_ERRORS

local method, path_head, path_tail, body_head, body_tail
local run = os.getenv("BENCH_RUN") or "0"
local count = 0
local fixed

local function split(text)
    local from, to = text:find("@GUID@", 1, true)
    if not from then
        return text, nil
    end
    return text:sub(1, from - 1), text:sub(to + 1)
end

local function fresh_guid()
    count = count + 1
    return string.format("%08x-0000-4000-8000-%012x", tonumber(run), count)
end

function init(args)
    local body
    method = args[1]
    path_head, path_tail = split(args[2])
    if args[3] then
        local file = assert(io.open(args[3], "rb"))
        body = file:read("*a")
        file:close()
        body_head, body_tail = split(body)
        wrk.headers["Content-Type"] = "application/json"
    end
    if not path_tail and not body_tail then
        fixed = wrk.format(method, path_head, wrk.headers, body)
    end
end

function request()
    if fixed then
        return fixed
    end
    local guid = fresh_guid()
    local path, body = path_head, body_head
    if path_tail then
        path = path_head .. guid .. path_tail
    end
    if body_tail then
        body = body_head .. guid .. body_tail
    end
    return wrk.format(method, path, wrk.headers, body)
end

function done(summary)
    local errors = summary.errors
    print(string.format("result %d %d %d %d", summary.requests,
        summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
