-- What the scripts that change a lease have in common.
--
-- A lease is a hash of short values: one over 64 bytes would turn the whole
-- hash from a listpack into a table three times its size. Its fields:
--   st  state: issuing, active, revoking, irrevocable
--   ex  when it expires, in ms
--   fe  fence of whoever works on it; absent where nobody does
--   at  failed attempts; absent where there were none
--   bo  when the wait after the last of them ends, in ms
--   rn  "1" where it is renewable; absent where not
--   da  when its secret was made useless, in ms; absent where it was not
--   0, 1, ...    identity and handle, sealed, in pieces
--   e0, e1, ...  last error, in pieces
-- When it is due stands in the due set alone.

local PIECE_BYTES = 63

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Writes a value in pieces, and removes the pieces of a longer one before it.
local function set_pieces(lease_key, letter, value)
  local fields, pieces = {}, 0
  for first = 1, #value, PIECE_BYTES do
    fields[#fields + 1] = letter .. pieces
    fields[#fields + 1] = string.sub(value, first, first + PIECE_BYTES - 1)
    pieces = pieces + 1
  end
  if pieces > 0 then redis.call('HSET', lease_key, unpack(fields)) end
  while redis.call('HDEL', lease_key, letter .. pieces) == 1 do pieces = pieces + 1 end
end

-- Makes a lease due, and lets the expiry of a key tell so.
-- Redis refuses or deletes at once, without an event, what expires in the past.
local function make_due(due_key, ttl_key, id, due, now)
  local score = string.format('%d', due)
  redis.call('ZADD', due_key, score, id)
  redis.call('SET', ttl_key, '1', 'PXAT', string.format('%d', math.max(due, now + 1)))
end

-- Adds to one of the counts, which are absent rather than 0.
local function add_count(count_key, field, by)
  if redis.call('HINCRBY', count_key, field, by) <= 0 then redis.call('HDEL', count_key, field) end
end

local function set_state(lease_key, count_key, from, to)
  if from == to then return end
  redis.call('HSET', lease_key, 'st', to)
  add_count(count_key, 's:' .. from, -1)
  add_count(count_key, 's:' .. to, 1)
end

-- Tells whoever watches. An entry holds what changed; the record has the rest.
-- Its position is <ms>-<number>: entries are numbered from 1 without a hole, which tells a reader what was dropped, and
-- the time never goes back where the clock does. The oldest go, a block at a time.
local event_ms, event_number
local function add_event(events_key, now, kind, id, ...)
  if not event_number then
    local newest = redis.call('XREVRANGE', events_key, '+', '-', 'COUNT', 1)[1]
    local ms, number = string.match(newest and newest[1] or '0-0', '(%d+)-(%d+)')
    event_ms, event_number = tonumber(ms), tonumber(number)
  end
  event_ms, event_number = math.max(now, event_ms), event_number + 1
  local position = string.format('%d-%d', event_ms, event_number)
  redis.call('XADD', events_key, 'MAXLEN', '~', 10000, position, 'kind', kind, 'id', id, ...)
end
