#!lua flags=no-writes,allow-oom
-- Names directly under a folder of a mount, in order. What lies deeper is skipped with one search a folder.
--
-- KEYS  1 paths
-- ARGV  1 folder, "" or ending in a slash  2 name to begin after, or ""  3 most names
-- Returns the names; one that ends in a slash is a folder.

local paths_key = KEYS[1]
local folder, after, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local PAGE = 50
-- No text in UTF-8 has this byte, so that it ends the range of all that begin alike.
local LAST = '\255'

local function beyond(name)
  return '(' .. folder .. name .. (string.sub(name, -1) == '/' and LAST or '')
end

local names = {}
local from = beyond(after)
if after == '' then from = '(' .. folder end
local to = folder == '' and '+' or '(' .. folder .. LAST
while #names < limit do
  local page = redis.call('ZRANGE', paths_key, from, to, 'BYLEX', 'LIMIT', 0, PAGE)
  for _, path in ipairs(page) do
    local rest = string.sub(path, #folder + 1)
    local slash = string.find(rest, '/', 1, true)
    local name = slash and string.sub(rest, 1, slash) or rest
    names[#names + 1] = name
    from = beyond(name)
    if slash or #names == limit then break end
  end
  if #page == 0 then break end
end
return names
