#!lua flags=allow-oom
-- Hands out grants to call a vendor, from a rate that follows what the vendor takes: rate-ledger.ts says how.
--
-- KEYS  1 pace
-- ARGV  1 server  2 calls throttled since it asked last  3 calls a second it had without a grant
--   4 first share  5 least rate  6 cut every, ms  7 most left of a cut  8 least left of a cut  9 share of what went through
--   10 growth share  11 fast growth share  12 fast after, s  13 burst, s  14 batch, s  15 reserved share
--   16 held back, ms  17 memory, ms  18... calls that wait, by class
-- Returns {-1} where there is no limit, else {rate in thousandths, wait, ms, grants, held back (0 or 1), grants, ...}
--   Run again it takes again: grants whose answer was lost are made up for by nobody.
--
-- The hash that it keeps expires, and there is no limit any more, when no call was throttled for the memory:
--   b  rate after the last cut     ct  when that was     bt  when the limit began
--   k  grants left    r  grants left of the last class's own     ft  when they were added to
--   s  second    w  calls that went through in it    wb  calls that went through in the one before
--   la  when the last class asked     u<class>  until when it holds back others     o<class>  server that asked
--
-- @include lease

local pace_key = KEYS[1]
local server = ARGV[1]
local args = {}
for i = 2, #ARGV do args[i] = tonumber(ARGV[i]) end
local throttled, passed = args[2], args[3]
local first_share, rate_min, cut_every, cut_max, cut_min, went_share = unpack(args, 4, 9)
local growth, fast_growth, fast_after, burst, batch, reserved_share, held_ms, memory = unpack(args, 10, 17)

local now = now_ms()
local state = {}
local stored = redis.call('HGETALL', pace_key)
for i = 1, #stored, 2 do state[stored[i]] = stored[i + 1] end
local is_new = #stored == 0
if is_new and throttled == 0 then return { -1 } end

local function number(field) return tonumber(state[field] or 0) end

local function rate_now()
  local seconds = (now - number('ct')) / 1000
  local fast = math.max(0, seconds - fast_after)
  return number('b') * (1 + growth * seconds + fast_growth * fast * fast)
end

if is_new then
  state = { b = math.max(rate_min, first_share * passed), ct = now, bt = now, ft = now, s = math.floor(now / 1000), w = passed }
else
  local rate = rate_now()
  local come = rate * math.max(0, now - number('ft')) / 1000
  local reserved = now - number('la') < held_ms and reserved_share or 0
  local most = rate * burst
  state.k = math.min(math.max(1, most), number('k') + come * (1 - reserved))
  state.r = math.min(math.max(1, most * reserved_share), number('r') + come * reserved)
  state.ft = now
  local second = math.floor(now / 1000)
  if second ~= number('s') then
    state.wb = second == number('s') + 1 and number('w') or 0
    state.w = 0
    state.s = second
  end
  if throttled > 0 then
    state.w = math.max(0, number('w') - throttled)
    if passed > 0 and now - number('bt') < cut_every then
      state.b = number('b') + first_share * passed
      state.w = number('w') + passed
    elseif now - number('ct') >= cut_every then
      local went = number('w') + number('wb') * (1 - (now % 1000) / 1000)
      local left = math.max(cut_min * rate, math.min(cut_max * rate, went_share * went))
      state.b = math.max(rate_min, left)
      state.ct = now
    end
  end
end

local classes = #ARGV - 17
local given, left_open, left_last, is_held_now = {}, 0, 0, false
for class = 1, classes do
  local want = args[17 + class]
  local grants = 0
  if class == classes and want > 0 then
    state.la = now
    grants = math.min(want, math.floor(number('r')))
    state.r = number('r') - grants
  end
  local more = is_held_now and 0 or math.min(want - grants, math.floor(number('k')))
  state.k = number('k') - more
  grants = grants + more
  state.w = number('w') + grants
  given[#given + 1] = grants
  given[#given + 1] = is_held_now and 1 or 0
  if not is_held_now then left_open = left_open + want - grants end
  if class == classes then left_last = want - grants end
  if grants < want then
    state['u' .. class] = now + held_ms
    state['o' .. class] = server
  elseif state['o' .. class] == server then
    state['u' .. class] = 0
  end
  is_held_now = is_held_now or number('u' .. class) > now
end

local rate = rate_now()
local wait = batch * 1000
if left_open > 0 then
  wait = (math.min(left_open, math.max(1, rate * batch)) - number('k')) / rate * 1000
elseif left_last > 0 then
  wait = (1 - number('r')) / (rate * reserved_share) * 1000
end

local fields = {}
for field, value in pairs(state) do
  fields[#fields + 1] = field
  fields[#fields + 1] = type(value) == 'number' and string.format('%.17g', value) or value
end
redis.call('HSET', pace_key, unpack(fields))
if throttled > 0 then redis.call('PEXPIRE', pace_key, memory) end
return { math.floor(rate * 1000), math.max(1, math.min(1000, math.ceil(wait))), unpack(given) }
