-- Call the guard for a request. Refuse the request with the guard's answer, or set the identity headers.

local socket = require("socket")

local GUARD = "127.0.0.1"
local PORT = 8080
local CONNECT_SECONDS = 1
local TIMEOUT_SECONDS = 10
local LONGEST_BODY = 65536
local LONGEST_QUESTION = 65536 -- the guard reads no longer field, and closes the connection while the client sends it
local METADATA = "/.well-known/oauth-protected-resource"

-- A grant has each of these fields once, with an empty value if there is nothing to report. The assertion exists only if the guard is configured to sign one.
local IDENTITY = { "X-Iiniit-Subject", "X-Iiniit-Client", "X-Iiniit-Scope", "X-Iiniit-Issuer" }
local ASSERTION = "X-Iiniit-Assertion"

-- Fields that belong to one connection or to the body. The guard does not get them.
local LEFT_OUT = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
  ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
}

local OVERRIDES = { "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override" }

local UNAVAILABLE = '{"type": "about:blank", "title": "Service Unavailable", "status": 503, '
  .. '"detail": "Access cannot be checked at the moment.", "reason": "guard_unavailable", "error": "temporarily_unavailable", '
  .. '"error_description": "Access cannot be checked at the moment."}'

local UNAVAILABLE_FIELDS = {
  ["content-type"] = "application/problem+json", ["retry-after"] = "1", ["cache-control"] = "no-store", ["vary"] = "Authorization, DPoP",
}

local TOO_LARGE = '{"type": "about:blank", "title": "Request Header Fields Too Large", "status": 431, '
  .. '"detail": "The request has too many or too long header fields."}'

local TOO_LARGE_FIELDS = {
  ["content-type"] = "application/problem+json", ["cache-control"] = "no-store", ["vary"] = "Authorization, DPoP",
}

-- The identity headers in every spelling, names that CGI and WSGI convert to one of them, and what the client claims about its address
-- and its certificate.
local function is_forged(name)
  return name:find("iiniit", 1, true) or name:find("[^%w%-]") or name:find("^x%-forwarded%-") or name:find("^x%-original%-")
    or name:find("^x%-rewrite%-") or name:find("^client%-cert") or name == "x-real-ip" or name == "forwarded"
end

local function question(r, fields)
  local lines = { "GET /auth HTTP/1.1", "Host: guard", "Connection: close" }
  for name, value in pairs(fields) do
    if not LEFT_OUT[name:lower()] then lines[#lines + 1] = name .. ": " .. value end
  end
  lines[#lines + 1] = "X-Forwarded-Method: " .. r.method
  lines[#lines + 1] = "X-Forwarded-Uri: " .. r.unparsed_uri
  lines[#lines + 1] = "X-Forwarded-Proto: " .. (r.is_https and "https" or "http")
  lines[#lines + 1] = "X-Forwarded-Host: " .. (r.headers_in["Host"] or "")
  -- Empty unless SSLVerifyClient requests a certificate. The API does not get this field.
  local certificate = r.is_https and r:ssl_var_lookup("SSL_CLIENT_CERT") or ""
  if certificate ~= "" then lines[#lines + 1] = "Client-Cert: " .. certificate:gsub("%s+$", ""):gsub("\n", " ") end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- RFC 9112, section 4: three digits between two spaces, and nothing else. "HTTP/1.1 2000 OK" is not a 200.
local function status_of(line)
  return tonumber((line or ""):match("^HTTP/1%.1 (%d%d%d) [^%c]*$"))
end

-- RFC 9110, sections 5.1 and 5.5: the name is a token, the value has no control characters. A folded line is invalid.
local function field_of(line)
  local name, value = (line or ""):match("^([%w!#$%%&'*+%-.^_`|~]+):[ \t]*(.-)[ \t]*$")
  if not name or value:gsub("\t", ""):find("%c") then return nil end
  return name:lower(), value
end

local function ask(text)
  local guard = socket.tcp()
  guard:settimeout(CONNECT_SECONDS)
  if not guard:connect(GUARD, PORT) then
    guard:close()
    return nil
  end
  guard:settimeout(TIMEOUT_SECONDS)
  guard:settimeout(TIMEOUT_SECONDS, "t")
  local status, headers, body = nil, {}, ""
  if guard:send(text) then
    status = status_of(guard:receive("*l"))
    while status do
      local line = guard:receive("*l")
      if line == "" then break end
      local name, value = field_of(line)
      if not name or name:find("^x%-iiniit%-") and headers[name] then status = nil else headers[name] = value end
    end
    local length = tonumber((headers["content-length"] or ""):match("^%d+$")) or 0
    if status and length > 0 and length <= LONGEST_BODY then body = guard:receive(length) or "" end
  end
  guard:close()
  return status, headers, body
end

local function refuse(r, status, headers, body)
  r.status = status
  for name, value in pairs(headers) do
    if name == "content-type" then
      r.content_type = value
    elseif not LEFT_OUT[name] then
      r.err_headers_out[name] = value
    end
  end
  r:puts(body)
  return apache2.DONE
end

function guard(r)
  if r.unparsed_uri == METADATA then return apache2.OK end

  local connection = (r.headers_in["Connection"] or ""):lower()
  local is_websocket = (r.headers_in["Upgrade"] or ""):lower() == "websocket"
  for name in pairs(r:headers_in_table()) do
    if is_forged(name:lower()) then r.headers_in[name] = nil end
  end
  -- `Connection: X-Iiniit-Subject` would remove the identity after the grant. An upgrade to anything but a WebSocket would open a tunnel past the
  -- guard. The API gets one upgrade, set here, if the client requests a WebSocket and nothing else.
  r.headers_in["Upgrade"] = is_websocket and "websocket" or nil
  r.headers_in["HTTP2-Settings"] = nil
  r.headers_in["Connection"] = is_websocket and "Upgrade" or connection:find("close", 1, true) and "close" or nil

  local text = question(r, r:headers_in_table())
  if #text > LONGEST_QUESTION then return refuse(r, 431, TOO_LARGE_FIELDS, TOO_LARGE) end
  local status, headers, body = ask(text)
  for _, name in ipairs(IDENTITY) do
    if status == 200 and not headers[name:lower()] then status = nil end
  end
  if status ~= 200 then
    if not status or status < 400 or status > 599 then
      return refuse(r, 503, UNAVAILABLE_FIELDS, UNAVAILABLE)
    end
    return refuse(r, status, headers, body)
  end

  for _, name in ipairs(IDENTITY) do
    r.headers_in[name] = headers[name:lower()]
  end
  r.headers_in[ASSERTION] = headers[ASSERTION:lower()]
  -- A fresh nonce for a DPoP client (RFC 9449, section 8.2): such a response must not be cached.
  if headers["dpop-nonce"] then
    r.err_headers_out["DPoP-Nonce"] = headers["dpop-nonce"]
    r.err_headers_out["Cache-Control"] = "no-store"
    r.err_headers_out["Access-Control-Expose-Headers"] = headers["access-control-expose-headers"]
  end
  -- The guard decided on the method of the request line. The API must not use another one.
  for _, name in ipairs(OVERRIDES) do
    r.headers_in[name] = nil
  end
  r.subprocess_env["iiniit_granted"] = "yes"
  return apache2.OK
end
