// What members of a consumer group say to one another through Kafka, and who of them gets the topic. Free of connections.

/** One process, as the group's leader sees it. */
export type Member = {
  readonly id: string
  /** The generation in which it was given the topic that it still has; -1 if it has none. */
  readonly ownsSince: number
}

/**
 * All partitions go to one member: to who has them already, so that nobody's coming takes them away. Of several that
 * think so, the last to be given them is right: the others were thought dead. Else to the first by id.
 */
export function chooseOwner(members: readonly Member[]): string | undefined {
  const [owner] = [...members].sort((a, b) => b.ownsSince - a.ownsSince || (a.id < b.id ? -1 : 1))
  return owner?.id
}

/** As Kafka's tools read it: version 0 of the consumer protocol. Our own part says since when it owns. */
export function encodeSubscription(kafkaTopic: string, ownsSince: number): Buffer {
  return Buffer.concat([int16(0), int32(1), text(kafkaTopic), bytes(int32(ownsSince))])
}

/** Members that another version has written count as owning nothing. */
export function decodeOwnsSince(subscription: Buffer): number {
  const isOurs = subscription.length >= 8 && subscription.readInt32BE(subscription.length - 8) === 4
  return isOurs ? subscription.readInt32BE(subscription.length - 4) : -1
}

export function encodeAssignment(kafkaTopic: string, partitions: number): Buffer {
  const all = Array.from({ length: partitions }, (_, partition) => int32(partition))
  const topics = partitions === 0 ? [int32(0)] : [int32(1), text(kafkaTopic), int32(partitions), ...all]
  return Buffer.concat([int16(0), ...topics, bytes(Buffer.alloc(0))])
}

/** Whether any partition is assigned: it is all of them or none. */
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
