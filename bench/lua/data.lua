-- The peers' `data`: the methods that dns.lua uses, over a string, with the same bounds rule.
local byte, sub = string.byte, string.sub

local Data = {}
Data.__index = Data
Data.__len = function(self) return self.size end

local function check(self, offset, length)
  if offset < 0 or length <= 0 or offset + length > self.size then error("out of bounds", 3) end
end

function Data:getuint8(offset)
  check(self, offset, 1)
  return byte(self.text, offset + 1)
end

function Data:getstring(offset, length)
  check(self, offset, length)
  return sub(self.text, offset + 1, offset + length)
end

function Data:setstring(offset, text)
  check(self, offset, #text)
  self.text = sub(self.text, 1, offset) .. text .. sub(self.text, offset + #text + 1)
end

return {
  new = function(size) return setmetatable({ size = size, text = string.rep("\0", size) }, Data) end,
}
