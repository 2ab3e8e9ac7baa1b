import { expect, test } from 'vitest'
import {
  chooseOwner,
  decodeIsOwner,
  decodeOwnsSince,
  encodeAssignment,
  encodeSubscription,
} from '#platform/event-bus/kafka/group-protocol.ts'

test('the owner of a topic keeps it when others join', () => {
  const newcomer = { id: 'a', ownsSince: -1 }
  expect(chooseOwner([newcomer, { id: 'b', ownsSince: 3 }])).toBe('b')
  expect(chooseOwner([{ id: 'b', ownsSince: 3 }, newcomer])).toBe('b')
})

test('the last of two claimants to be given a topic owns it', () => {
  expect(
    chooseOwner([
      { id: 'a', ownsSince: 3 },
      { id: 'b', ownsSince: 7 },
    ]),
  ).toBe('b')
})

test('every leader gives a topic without an owner to the same member', () => {
  const members = ['c', 'a', 'b'].map(id => ({ id, ownsSince: -1 }))
  expect(chooseOwner(members)).toBe('a')
  expect(chooseOwner(members.toReversed())).toBe('a')
  expect(chooseOwner([])).toBeUndefined()
})

test('a subscription is decoded as it was encoded', () => {
  for (const ownsSince of [-1, 0, 12])
    expect(decodeOwnsSince(encodeSubscription('waybill.orders', ownsSince))).toBe(ownsSince)
  expect(decodeOwnsSince(Buffer.alloc(0))).toBe(-1)
  expect(decodeOwnsSince(Buffer.from('000000000001000161ffffffff', 'hex'))).toBe(-1) // without a part of its own
})

test('an assignment has all partitions or none', () => {
  expect(decodeIsOwner(encodeAssignment('waybill.orders', 8))).toBe(true)
  expect(decodeIsOwner(encodeAssignment('waybill.orders', 0))).toBe(false)
  expect(decodeIsOwner(Buffer.alloc(0))).toBe(false)
  expect(encodeAssignment('t', 2).toString('hex')).toBe('00000000000100017400000002000000000000000100000000')
})
