#!lua flags=allow-oom
-- Takes leases of one mount into revoking, due again when the claim times out.
--
-- KEYS  1 due  2 count  3 events  4 epoch, then for each claim: lease, ttl
-- ARGV  1 fence  2 visibility, ms, then for each claim: id, and when it was seen to be due, ms ("" claims it anyway;
--       "=" and a fence claims it unless it is issuing or active by another fence)
-- Returns {now, {kind, fields of the record as they were...}...}: claimed, busy, changed, or unknown; in the order asked.
--   Run again with the same fence, it claims the same leases again.
--
-- @include lease

local due_key, count_key, events_key, epoch_key = unpack(KEYS, 1, 4)
local fence, visibility = ARGV[1], tonumber(ARGV[2])

local now = now_ms()
local answers, taken, orphans, seen = { now }, {}, {}, {}

local function judge(claim)
  local record = redis.call('HGETALL', claim.lease_key)
  if #record == 0 then
    -- A due entry without a record has nothing to revoke, and would come up for ever.
    if claim.seen_due ~= '' then orphans[#orphans + 1] = claim.id end
    return { 'unknown' }
  end
  local held
  for i = 1, #record, 2 do
    if record[i] == 'st' then claim.state = record[i + 1] end
    if record[i] == 'fe' then held = record[i + 1] end
  end
  local due = tonumber(redis.call('ZSCORE', due_key, claim.id) or 0)
  if claim.issuer and claim.state ~= 'revoking' and held ~= claim.issuer then return { 'changed' } end
  if claim.state ~= 'revoking' or held ~= fence then
    if claim.seen_due ~= '' and (due ~= tonumber(claim.seen_due) or due > now) then return { 'changed' } end
    if claim.state == 'revoking' and held and due > now then return { 'busy' } end
  end
  taken[#taken + 1] = claim
  return { 'claimed', unpack(record) }
end

for i = 1, (#KEYS - 4) / 2 do
  local id = ARGV[1 + 2 * i]
  if not seen[id] then
    local seen_due = ARGV[2 + 2 * i]
    local issuer = string.match(seen_due, '^=(.*)$')
    if issuer then seen_due = '' end
    seen[id] = judge({ id = id, seen_due = seen_due, issuer = issuer, lease_key = KEYS[3 + 2 * i], ttl_key = KEYS[4 + 2 * i] })
  end
  answers[#answers + 1] = seen[id]
end

for _, claim in ipairs(taken) do
  redis.call('HSET', claim.lease_key, 'fe', fence)
  make_due(due_key, claim.ttl_key, claim.id, now + visibility, now)
  set_state(claim.lease_key, count_key, claim.state, 'revoking')
  add_event(events_key, now, 'claim', claim.id)
end
local dropped = #orphans > 0 and redis.call('ZREM', due_key, unpack(orphans)) or 0
if #taken + dropped > 0 then redis.call('INCR', epoch_key) end
return answers
