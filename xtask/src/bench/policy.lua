-- The policy of `policies::real`, as someone who knows Envoy's Lua filter would write it.
-- It does not count its decisions: that is more than Lua in Envoy is asked for here.

local VARIANT = "x-coalmine-variant"
local SHARE = 500 -- of 10,000

local bit = require("bit")
local bxor, lshift, tobit = bit.bxor, bit.lshift, bit.tobit
local byte, find, gmatch, sub = string.byte, string.find, string.gmatch, string.sub

-- FNV-1a, 32 bit; the product is taken by shifts, since a double cannot hold it.
local function hash(text)
  local h = tobit(0x811c9dc5)
  for i = 1, #text do
    h = bxor(h, byte(text, i))
    h = tobit(h + lshift(h, 1) + lshift(h, 4) + lshift(h, 7) + lshift(h, 8) + lshift(h, 24))
  end
  return h % 4294967296
end

local function variant(headers)
  local pin = headers:get("x-canary")
  local session
  local cookies = headers:get("cookie")
  if cookies then
    for name, value in gmatch(cookies, "([^=;%s]+)=([^;]*)") do
      if name == "canary" then
        pin = pin or value
      elseif name == "session" then
        session = value
      end
    end
  end
  if pin == "canary" then return "canary" end
  if pin == "stable" or pin == "never" then return "stable" end

  local agent = headers:get("user-agent")
  if agent and find(agent, "bot", 1, true) then return "stable" end
  local group = headers:get("x-user-group")
  if group == "staff" or group == "beta" then return "canary" end
  if sub(headers:get(":path"), 1, 6) == "/beta/" then return "canary" end

  local unit = headers:get("x-user-id") or session
  if unit and hash(unit) % 10000 < SHARE then return "canary" end
  return "stable"
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if variant(headers) == "canary" then
    headers:replace(VARIANT, "canary")
  elseif headers:get(VARIANT) then
    headers:remove(VARIANT)
  end
end
