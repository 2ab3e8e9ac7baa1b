// Encodes the messages between the members of a consumer group, and chooses the member that owns the topic.

/** A process as the group's leader sees it. */
type Member = {
  readonly id: string
  /** The generation in which it was given the topic that it still has; -1 if it has none. */
  readonly ownsSince: number
}

/**
 * Returns the member that gets all partitions: the one that owns them already, so that a newcomer does not take them
 * away. Of several that claim them, the last to be given them is right, because the others were thought dead. Without an
 * owner it is the first by id.
 */
export function chooseOwner(members: readonly Member[]): string | undefined {
  const [owner] = [...members].sort((a, b) => b.ownsSince - a.ownsSince || (a.id < b.id ? -1 : 1))
  return owner?.id
}

/** Encodes version 0 of the consumer protocol, which Kafka's tools read; the user data is `ownsSince`. */
export function encodeSubscription(kafkaTopic: string, ownsSince: number): Buffer {
  return Buffer.concat([int16(0), int32(1), text(kafkaTopic), bytes(int32(ownsSince))])
}

/** Returns -1 for a subscription that another version has written. */
export function decodeOwnsSince(subscription: Buffer): number {
  const isOurs = subscription.length >= 8 && subscription.readInt32BE(subscription.length - 8) === 4
  return isOurs ? subscription.readInt32BE(subscription.length - 4) : -1
}

export function encodeAssignment(kafkaTopic: string, partitions: number): Buffer {
  const all = Array.from({ length: partitions }, (_, partition) => int32(partition))
  const topics = partitions === 0 ? [int32(0)] : [int32(1), text(kafkaTopic), int32(partitions), ...all]
  return Buffer.concat([int16(0), ...topics, bytes(Buffer.alloc(0))])
}

/** Returns whether any partition is assigned: it is all of them or none. */
export function decodeIsOwner(assignment: Buffer): boolean {
  return assignment.length >= 6 && assignment.readInt32BE(2) > 0
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}
