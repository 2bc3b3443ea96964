-- A small web application firewall for port 80: methods, paths and user agents.
local netfilter = require("netfilter")
local nf = require("linux.nf")

local METHODS = { GET = true, HEAD = true, POST = true }
local PATHS = { "^/admin", "%.%./", "/etc/passwd", "wp%-login%.php" }
local AGENTS = { "sqlmap", "nikto", "masscan" }

local Guard = {}
Guard.__index = Guard

function Guard.new(options)
  return setmetatable({ options = options, refused = 0 }, Guard)
end

function Guard:refuse(why)
  self.refused = self.refused + 1
  print(string.format("http-guard: %s (%d so far)", why, self.refused))
  return nf.action.DROP
end

function Guard:request(text)
  local method, path = text:match("^(%u+) (%S+) HTTP/")
  if not method then return nf.action.ACCEPT end
  if not self.options.methods[method] then
    return self:refuse("method " .. method)
  end
  for _, pattern in ipairs(self.options.paths) do
    if path:find(pattern) then return self:refuse("path " .. path) end
  end
  local agent = text:match("User%-Agent: ([^\r]*)") or ""
  for _, word in ipairs(self.options.agents) do
    if agent:lower():find(word, 1, true) then return self:refuse("agent " .. agent) end
  end
  return nf.action.ACCEPT
end

local guard = Guard.new{ methods = METHODS, paths = PATHS, agents = AGENTS }

netfilter.register{
  pf = nf.proto.INET, hooknum = nf.inet.PRE_ROUTING, priority = nf.ip.pri.FILTER + 1,
  hook = function(skb)
    local d = skb:data()
    local v4 = d:getuint8(0) >> 4 == 4
    local tcp = v4 and (d:getuint8(0) & 15) * 4 or 40
    if d:getuint8(v4 and 9 or 6) ~= 6 then return nf.action.ACCEPT end
    local port = string.unpack(">H", d:getstring(tcp + 2, 2))
    local body = tcp + (d:getuint8(tcp + 12) >> 4) * 4
    if port ~= 80 or body >= #d then return nf.action.ACCEPT end
    return guard:request(d:getstring(body))
  end,
}
