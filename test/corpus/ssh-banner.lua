-- What SSH clients call themselves: version 1 is refused, well known scanners get a mark for the traffic shaper.
local netfilter = require("netfilter")
local nf = require("linux.nf")
local byteorder = require("byteorder")

local SSH_PORT = 22
local MARK_SUSPECT = 0x22

local function tcp_payload(p)
  local first = p:getuint8(0)
  local off
  if first >> 4 == 4 then
    if p:getuint8(9) ~= 6 then return end
    off = (first & 0xf) * 4
  else
    if p:getuint8(6) ~= 6 then return end
    off = 40
  end
  if #p < off + 20 then return end
  if byteorder.ntoh16(p:getuint16(off + 2)) ~= SSH_PORT then return end
  local data = off + (p:getuint8(off + 12) >> 4) * 4
  if data < #p then
    return p:getstring(data, math.min(#p - data, 80))
  end
end

netfilter.register{
  pf = nf.proto.INET, hooknum = nf.inet.LOCAL_IN, priority = nf.ip.pri.MANGLE,
  hook = function(skb)
    local line = tcp_payload(skb:data())
    if not line or line:sub(1, 4) ~= "SSH-" then
      return nf.action.ACCEPT
    end
    local version, software = line:match("^SSH%-(%d+%.%d+)%-([%w_.%-]+)")
    if not version then
      return nf.action.DROP
    end
    print("ssh client: " .. software .. ", protocol " .. version)
    if version:byte() == ("1"):byte() then return nf.action.DROP end
    if software:find("libssh", 1, true) then return nf.action.ACCEPT, MARK_SUSPECT end
    return nf.action.ACCEPT
  end,
}
