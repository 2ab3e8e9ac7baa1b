import { expect, test } from 'vitest'
import {
  chooseOwner,
  decodeIsOwner,
  decodeOwnsSince,
  encodeAssignment,
  encodeSubscription,
} from '#platform/event-bus/kafka/group-protocol.ts'

test('who owns a topic keeps it when others come', () => {
  const newcomer = { id: 'a', ownsSince: -1 }
  expect(chooseOwner([newcomer, { id: 'b', ownsSince: 3 }])).toBe('b')
  expect(chooseOwner([{ id: 'b', ownsSince: 3 }, newcomer])).toBe('b')
})

test('of two that think they own it, the last to be given it does', () => {
  expect(
    chooseOwner([
      { id: 'a', ownsSince: 3 },
      { id: 'b', ownsSince: 7 },
    ]),
  ).toBe('b')
})

test('a topic that nobody owns goes to the same one whoever chooses', () => {
  const members = ['c', 'a', 'b'].map(id => ({ id, ownsSince: -1 }))
  expect(chooseOwner(members)).toBe('a')
  expect(chooseOwner(members.toReversed())).toBe('a')
  expect(chooseOwner([])).toBeUndefined()
})

test('what members say of themselves is read back', () => {
  for (const ownsSince of [-1, 0, 12])
    expect(decodeOwnsSince(encodeSubscription('waybill.orders', ownsSince))).toBe(ownsSince)
  expect(decodeOwnsSince(Buffer.alloc(0))).toBe(-1)
  expect(decodeOwnsSince(Buffer.from('000000000001000161ffffffff', 'hex'))).toBe(-1) // without a part of its own
})

test('an assignment is of all partitions or of none', () => {
  expect(decodeIsOwner(encodeAssignment('waybill.orders', 8))).toBe(true)
  expect(decodeIsOwner(encodeAssignment('waybill.orders', 0))).toBe(false)
  expect(decodeIsOwner(Buffer.alloc(0))).toBe(false)
  expect(encodeAssignment('t', 2).toString('hex')).toBe('00000000000100017400000002000000000000000100000000')
})
