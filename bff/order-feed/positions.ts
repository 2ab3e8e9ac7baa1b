// A place in the four topics that speak of orders: how far each has been read. Compact, immutable, comparable. Pure.
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** A position for each of ORDER_TOPICS, in their order. Everything up to it is behind; never changed once made. */
export type Positions = readonly number[]

/** Before every event. */
export const START: Positions = ORDER_TOPICS.map(() => 0)

/** An event of an order, as little of it as subscribers are told. `topic` is its index in ORDER_TOPICS. */
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

export function vectorOf(place: Positions): PositionVector {
  return Object.fromEntries(ORDER_TOPICS.map((topic, index) => [topic, place[index] ?? 0]))
}

/** Whether all that is behind `other` is behind `place` too. */
export function covers(place: Positions, other: Positions): boolean {
  for (let topic = 0; topic < ORDER_TOPICS.length; topic++)
    if ((place[topic] ?? 0) < (other[topic] ?? 0)) return false
  return true
}

export function equalPositions(place: Positions, other: Positions): boolean {
  return place === other || (covers(place, other) && covers(other, place))
}

/** The nearest place that covers both. */
export function maxPositions(place: Positions, other: Positions): Positions {
  return covers(place, other) ? place : place.map((position, topic) => Math.max(position, other[topic] ?? 0))
}

/** What of `place` is not behind `other`. */
export function vectorBeyond(place: Positions, other: Positions): PositionVector {
  const ahead: Record<string, number> = {}
  for (const [topic, name] of ORDER_TOPICS.entries()) {
    const position = place[topic] ?? 0
    if (position > (other[topic] ?? 0)) ahead[name] = position
  }
  return ahead
}

/** Whether the entry is yet to come for who is at `place`. */
export function isPast(entry: EventEntry, place: Positions): boolean {
  return entry.position > (place[entry.topic] ?? 0)
}

/** `place` moved on behind `entries`. */
export function advancePast(place: Positions, entries: readonly EventEntry[]): Positions {
  const moved = [...place]
  for (const { topic, position } of entries) moved[topic] = Math.max(moved[topic] ?? 0, position)
  return moved
}
