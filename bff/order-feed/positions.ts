// A place in the four topics that speak of orders: how far each has been read. Compact, immutable, comparable. Pure.
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** A position for each of ORDER_TOPICS, in their order. Everything up to it is behind; never changed once made. */
export type Place = readonly number[]

/** Before every event. */
export const BEGINNING: Place = ORDER_TOPICS.map(() => 0)

/** An event of an order, as little of it as subscribers are told. `topic` is its index in ORDER_TOPICS. */
export type Entry = {
  readonly topic: number
  readonly position: number
  readonly id: string
  readonly type: string
  readonly orderId: string
  readonly at: string
  readonly traceparent: string | undefined
}

export function placeOf(vector: PositionVector): Place {
  return ORDER_TOPICS.map(topic => vector[topic] ?? 0)
}

export function vectorOf(place: Place): PositionVector {
  return Object.fromEntries(ORDER_TOPICS.map((topic, index) => [topic, place[index] ?? 0]))
}

/** Whether all that is behind `other` is behind `place` too. */
export function covers(place: Place, other: Place): boolean {
  for (let topic = 0; topic < ORDER_TOPICS.length; topic++)
    if ((place[topic] ?? 0) < (other[topic] ?? 0)) return false
  return true
}

export function samePlace(place: Place, other: Place): boolean {
  return place === other || (covers(place, other) && covers(other, place))
}

/** The nearest place that covers both. */
export function furthest(place: Place, other: Place): Place {
  return covers(place, other) ? place : place.map((position, topic) => Math.max(position, other[topic] ?? 0))
}

/** What of `place` is not behind `other`. */
export function beyond(place: Place, other: Place): PositionVector {
  const ahead: Record<string, number> = {}
  for (const [topic, name] of ORDER_TOPICS.entries()) {
    const position = place[topic] ?? 0
    if (position > (other[topic] ?? 0)) ahead[name] = position
  }
  return ahead
}

/** Whether the entry is yet to come for who is at `place`. */
export function isPast(entry: Entry, place: Place): boolean {
  return entry.position > (place[entry.topic] ?? 0)
}

/** `place` moved on behind `entries`. */
export function behind(place: Place, entries: readonly Entry[]): Place {
  const moved = [...place]
  for (const { topic, position } of entries) moved[topic] = Math.max(moved[topic] ?? 0, position)
  return moved
}
