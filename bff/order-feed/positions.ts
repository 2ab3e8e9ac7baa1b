// Positions in the four topics about orders, as a short array: immutable, and cheap to compare for each event.
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** A position for each of ORDER_TOPICS, in their order. */
export type Positions = readonly number[]

/** The positions before every event. */
export const START: Positions = ORDER_TOPICS.map(() => 0)

/** The part of an order's event that subscribers see. `topic` is its index in ORDER_TOPICS. */
export type EventEntry = {
  readonly topic: number
  readonly position: number
  readonly id: string
  readonly type: string
  readonly orderId: string
  readonly at: string
  readonly traceparent: string | undefined
}

export function positionsOf(vector: PositionVector): Positions {
  return ORDER_TOPICS.map(topic => vector[topic] ?? 0)
}

export function vectorOf(positions: Positions): PositionVector {
  return Object.fromEntries(ORDER_TOPICS.map((topic, index) => [topic, positions[index] ?? 0]))
}

/** Returns whether `positions` have come as far as `other` in every topic. */
export function covers(positions: Positions, other: Positions): boolean {
  for (let topic = 0; topic < ORDER_TOPICS.length; topic++)
    if ((positions[topic] ?? 0) < (other[topic] ?? 0)) return false
  return true
}

export function equalPositions(positions: Positions, other: Positions): boolean {
  return positions === other || (covers(positions, other) && covers(other, positions))
}

/** Returns the greatest position of each topic. */
export function maxPositions(positions: Positions, other: Positions): Positions {
  if (covers(positions, other)) return positions
  return positions.map((position, topic) => Math.max(position, other[topic] ?? 0))
}

/** Returns the positions that are past `other`, by topic. */
export function vectorBeyond(positions: Positions, other: Positions): PositionVector {
  const ahead: Record<string, number> = {}
  for (const [topic, name] of ORDER_TOPICS.entries()) {
    const position = positions[topic] ?? 0
    if (position > (other[topic] ?? 0)) ahead[name] = position
  }
  return ahead
}

/** Returns whether the event lies past `positions`. */
export function isPast(entry: EventEntry, positions: Positions): boolean {
  return entry.position > (positions[entry.topic] ?? 0)
}

/** Returns `positions` moved past `entries`. */
export function advancePast(positions: Positions, entries: readonly EventEntry[]): Positions {
  const moved = [...positions]
  for (const { topic, position } of entries) moved[topic] = Math.max(moved[topic] ?? 0, position)
  return moved
}
