-- Method calls: two classes, one derived from the other, objects of both in one list.
local Account = {}
Account.__index = Account

function Account.new(owner, balance)
  return setmetatable({ owner = owner, balance = balance, moves = 0 }, Account)
end

function Account:deposit(amount)
  self.balance = self.balance + amount
  self.moves = self.moves + 1
end

function Account:withdraw(amount)
  if not self:covers(amount) then return false end
  self.balance = self.balance - amount
  self.moves = self.moves + 1
  return true
end

function Account:covers(amount) return self.balance >= amount end
function Account:total() return self.balance + self.moves end

local Credit = setmetatable({}, { __index = Account })
Credit.__index = Credit

function Credit.new(owner, balance, limit)
  local account = Account.new(owner, balance)
  account.limit = limit
  return setmetatable(account, Credit)
end

function Credit:covers(amount) return self.balance + self.limit >= amount end

function run()
  local accounts = {}
  for i = 1, 20 do
    accounts[i] = i % 2 == 0 and Account.new("a" .. i, 100) or Credit.new("c" .. i, 50, 40)
  end
  local refused = 0
  for round = 1, 9000 do
    for i = 1, #accounts do
      local account = accounts[i]
      account:deposit(round % 10)
      if not account:withdraw(i + round % 7) then refused = refused + 1 end
    end
  end
  local sum = refused
  for i = 1, #accounts do sum = sum + accounts[i]:total() end
  return sum
end
