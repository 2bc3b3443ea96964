-- DNS block list of Lua patterns, searched in the question as it stands in the packet: there a label's length
-- takes the place of the dot, which the dot of a pattern matches as well.
local byteorder = require("byteorder")
local linux = require("linux")
local netfilter = require("netfilter")
local nf = require("linux.nf")

local patterns = { "github.com", "gitlab.com", "^.?tracker%d*." }

local udp = 17
local dns = byteorder.hton16(53)

local function get(skb)
	local packet = skb:data("net")
	if packet:getuint8(9) ~= udp then return end
	local thoff = (packet:getuint8(0) & 0x0F) * 4
	if packet:getuint16(thoff + 2) == dns then
		return packet:getstring(thoff + 8 + 12)
	end
end

local function dnsblock(skb)
	local question = get(skb)
	if question then
		local name = question:match("^[^\0]+") or ""
		for _, pattern in pairs(patterns) do
			if string.find(name:lower(), pattern) then
				print("DNS query for " .. name:gsub("%c", ".") .. " blocked")
				return nf.action.DROP
			end
		end
	end
	return nf.action.ACCEPT
end

netfilter.register{
	hook = dnsblock,
	pf = nf.proto.IPV4,
	hooknum = nf.inet.LOCAL_OUT,
	priority = nf.ip.pri.FILTER,
}
