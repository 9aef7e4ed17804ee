-- Call the guard for a request. Refuse the request with the guard's answer, or set the identity headers.
-- HAProxy's httpclient is not used, because it retries three times after its own timeout.

local GUARD = "127.0.0.1"
local PORT = 8080
local TIMEOUT_SECONDS = 10
local LONGEST_BODY = 65536
local LONGEST_QUESTION = 65536 -- the guard reads no longer field, and closes the connection while the client sends it

-- A grant has each of these fields once, with an empty value if there is nothing to report. The assertion exists only if the guard is configured to sign one.
local IDENTITY = { "x-iiniit-subject", "x-iiniit-client", "x-iiniit-scope", "x-iiniit-issuer" }
local ASSERTION = "x-iiniit-assertion"

-- Fields that belong to one connection or to the body. The guard does not get them.
local LEFT_OUT = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
  ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
}

local function question(txn)
  local headers = txn.http:req_get_headers()
  local lines = { "GET /auth HTTP/1.1", "Host: guard", "Connection: close" }
  for name, values in pairs(headers) do
    if not LEFT_OUT[name] then
      for _, value in pairs(values) do
        lines[#lines + 1] = name .. ": " .. value
      end
    end
  end
  local host = headers["host"]
  lines[#lines + 1] = "X-Forwarded-Method: " .. txn.sf:method()
  lines[#lines + 1] = "X-Forwarded-Uri: " .. txn.sf:pathq()
  lines[#lines + 1] = "X-Forwarded-Proto: " .. (txn.f:ssl_fc() == 1 and "https" or "http")
  lines[#lines + 1] = "X-Forwarded-Host: " .. (host and host[0] or "")
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- RFC 9112, section 4: three digits between two spaces, and nothing else. "HTTP/1.1 2000 OK" is not a 200.
local function status_of(line)
  return tonumber((line or ""):match("^HTTP/1%.1 (%d%d%d) [^%c]*$"))
end

-- RFC 9110, sections 5.1 and 5.5: the name is a token, the value has no control characters. A folded line is invalid.
local function field_of(line)
  local name, value = line:match("^([%w!#$%%&'*+%-.^_`|~]+):[ \t]*(.-)[ \t]*$")
  if not name or value:gsub("\t", ""):find("%c") then return nil end
  return name:lower(), value
end

local function answer(socket)
  local status = status_of(socket:receive("*l"))
  if not status then return nil end
  local headers = {}
  while true do
    local line = socket:receive("*l")
    if not line then return nil end
    if line == "" then break end
    local name, value = field_of(line)
    if not name then return nil end
    headers[#headers + 1] = { name, value }
  end
  return status, headers
end

local function header(headers, wanted)
  for _, pair in ipairs(headers) do
    if pair[1] == wanted then return pair[2] end
  end
  return nil
end

local function identity(headers)
  local seen = {}
  for _, pair in ipairs(headers) do
    if pair[1]:find("^x%-iiniit%-") then
      if seen[pair[1]] then return nil end
      seen[pair[1]] = pair[2]
    end
  end
  for _, name in ipairs(IDENTITY) do
    if not seen[name] then return nil end
  end
  return seen
end

local function guard(txn)
  local text = question(txn)
  if #text > LONGEST_QUESTION then txn:done(txn:reply({ status = 431 })) end
  local socket = core.tcp()
  socket:settimeout(TIMEOUT_SECONDS)
  if not socket:connect(GUARD, PORT) or not socket:send(text) then
    socket:close()
    return
  end
  local status, headers = answer(socket)
  if not status then
    socket:close()
    return
  end

  if status == 200 then
    socket:close()
    local caller = identity(headers)
    if not caller then return end
    for _, name in ipairs(IDENTITY) do
      txn.http:req_set_header(name, caller[name])
    end
    if caller[ASSERTION] then txn.http:req_set_header(ASSERTION, caller[ASSERTION]) end
    local nonce = header(headers, "dpop-nonce") -- for the client (RFC 9449)
    if nonce then txn:set_var("txn.iiniit_nonce", nonce) end
    local exposed = header(headers, "access-control-expose-headers")
    if nonce and exposed then txn:set_var("txn.iiniit_exposed", exposed) end
    txn:set_var("txn.iiniit_granted", true)
    return
  end

  local length = tonumber((header(headers, "content-length") or ""):match("^%d+$")) or 0
  local body = length > 0 and length <= LONGEST_BODY and socket:receive(length) or ""
  socket:close()
  if status < 400 or status > 599 then return end
  local reply = txn:reply({ status = status })
  for _, pair in ipairs(headers) do
    if not LEFT_OUT[pair[1]] then reply:add_header(pair[1], pair[2]) end
  end
  reply:set_body(body)
  txn:done(reply)
end

-- Called after wait-for-body: either the body is complete, or the buffer is full.
local function whole(txn)
  if txn.req:may_recv() then txn:set_var("txn.iiniit_whole", true) end
end

core.register_action("iiniit_whole", { "http-req" }, whole, 0)
core.register_action("iiniit_guard", { "http-req" }, guard, 0)
