-- Lua patterns: captures, replacement by text, table and function, iteration, anchors, sets and balance.
local lines = {}
for i = 1, 60 do
  lines[i] = "2024-0" .. i % 9 + 1 .. "-1" .. i % 10 .. " host" .. i % 7 .. " kernel: drop IN=eth" .. i % 3
    .. " SRC=10.0." .. i .. "." .. i * 3 % 256 .. " DST=192.168.1." .. i % 250 .. " PROTO=" .. (i % 2 == 0 and "TCP" or "UDP")
    .. " SPT=" .. 1024 + i * 37 .. " DPT=" .. (i % 2 == 0 and 443 or 53) .. " (note (" .. i .. ") done) path=%2Fetc%2Fhosts"
end
local protocols = { TCP = "6", UDP = "17" }

local function escaped(hex) return string.char(tonumber(hex, 16)) end

local function line(text)
  local sum = 0
  local year, month, day, host = text:match("^(%d%d%d%d)%-(%d+)%-(%d+)%s+(%w+)")
  sum = sum + tonumber(year) + tonumber(month) * 31 + tonumber(day) + #host
  local a, b, c, d = text:match("SRC=(%d+)%.(%d+)%.(%d+)%.(%d+)")
  sum = sum + tonumber(a) + tonumber(b) + tonumber(c) * 3 + tonumber(d)
  for key, value in text:gmatch("(%u+)=([^%s]+)") do sum = sum + #key * 5 + #value end
  local replaced, times = text:gsub("%u%u%u", protocols)
  sum = sum + #replaced + times
  replaced, times = text:gsub("%%(%x%x)", escaped)
  sum = sum + #replaced + times * 7
  replaced, times = text:gsub("%s+", "_")
  sum = sum + #replaced + times * 11
  local from, to = text:find("%b()")
  sum = sum + from + to
  sum = sum + text:find("%f[%a]DPT", 20)
  if text:match("^%s*(.-)%s*$") == text then sum = sum + 1 end
  return sum
end

function run()
  local sum = 0
  for _ = 1, 24 do
    for i = 1, #lines do sum = sum + line(lines[i]) end
  end
  return sum
end
