-- The index of a caller's leases: a hash of buckets, each with members one after another, of one byte for the length
-- and that many bytes. src/redis/caller-index.ts says which bucket a lease is in.

-- Where a member begins and ends in its bucket; nothing where it is not there.
local function find_member(members, member)
  local at = 1
  while at <= #members do
    local last = at + string.byte(members, at)
    if string.sub(members, at, last) == member then return at, last end
    at = last + 1
  end
end

local function add_member(by_key, bucket, member)
  local members = redis.call('HGET', by_key, bucket) or ''
  if not find_member(members, member) then redis.call('HSET', by_key, bucket, members .. member) end
end

local function remove_member(by_key, bucket, member)
  local members = redis.call('HGET', by_key, bucket) or ''
  local first, last = find_member(members, member)
  if not first then return end
  local rest = string.sub(members, 1, first - 1) .. string.sub(members, last + 1)
  if rest == '' then
    redis.call('HDEL', by_key, bucket)
  else
    redis.call('HSET', by_key, bucket, rest)
  end
end

