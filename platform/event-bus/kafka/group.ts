// A consumer group of one topic in Kafka: its members, its owner, its checkpoint. Free of deliveries.
import {
  type Connection,
  FindCoordinatorKeyTypes,
  heartbeatV4,
  joinGroupV7,
  leaveGroupV5,
  offsetCommitV8,
  offsetFetchV8,
  ResponseError,
  syncGroupV5,
} from '@platformatic/kafka'
import { hasApiError, type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import { readStartOffsets } from '#platform/event-bus/kafka/fetch.ts'
import {
  chooseOwner,
  decodeIsOwner,
  decodeOwnsSince,
  encodeAssignment,
  encodeSubscription,
} from '#platform/event-bus/kafka/group-protocol.ts'
import { findPositionBefore } from '#platform/event-bus/kafka/position-search.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'

/** How long an owner that falls silent keeps its topic, and how often one that is alive is heard of. */
export const SESSION_MS = 6_000
export const HEARTBEAT_MS = 1_000
const REBALANCE_MS = 5_000

/** Where a group is: `offsets` by partition, and the position of the message that was delivered last. */
export type Checkpoint = { readonly offsets: readonly bigint[]; readonly position: number }

/** This process's part in the group. Not for several calls at once. */
export type GroupMember = {
  /**
   * Takes part in the group anew: true if this process has the topic from now on, or has it still. Throws
   * MembershipLost when the group has gone on without it.
   */
  join(): Promise<boolean>
  /** False when others came or went, and everybody is to join anew. Throws MembershipLost. */
  heartbeat(): Promise<boolean>
  /** False when the group is being arranged anew: the next commit says it all. Throws MembershipLost. */
  commit(checkpoint: Checkpoint): Promise<boolean>
  checkpoint(): Promise<Checkpoint>
  leave(): Promise<void>
}

/** The group took this process for dead; another may have what it had. */
export class MembershipLost extends Error {}

/** Others came or went: everybody joins anew. */
class Rebalancing extends Error {}

type JoinGroupResponse = Awaited<ReturnType<typeof joinGroupV7.api.async>>

const LOST = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']
const JOIN_ROUNDS = 10

/** For one topic, so that each topic has one owner and one checkpoint. */
export type Group = {
  readonly id: string
  readonly topic: Topic
  readonly lane: KafkaConnection
  /** Runs `work` with a connection to the broker that keeps the group. Throws MembershipLost or Rebalancing, too. */
  request<T>(work: (coordinator: Connection) => Promise<T>): Promise<T>
}

/** `lane` is for this group alone: whoever joins may be kept waiting for the others. */
export function openGroup(lane: KafkaConnection, topic: Topic, id: string): Group {
  let node: number | undefined

  async function find(): Promise<number> {
    const [found] = await lane.admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [id] })
    if (!found) throw new Error(`Kafka says nothing of who keeps group ${id}`)
    return found.nodeId
  }

  return {
    id,
    topic,
    lane,
    request: work =>
      withRetry(lane, async () => {
        node ??= await find()
        try {
          return await work(await lane.broker(node))
        } catch (error) {
          if (LOST.some(name => hasApiError(error, name))) throw new MembershipLost(String(error))
          if (hasApiError(error, 'REBALANCE_IN_PROGRESS')) throw new Rebalancing()
          node = undefined
          throw error
        }
      }),
  }
}

/** Makes a new group's checkpoint at the oldest message that is kept. */
export async function createGroupCheckpoint(group: Group): Promise<void> {
  if (await readCheckpoint(group)) return
  try {
    await writeCheckpoint(group, -1, '', await oldest(group))
  } catch (error) {
    if (!(error instanceof MembershipLost)) throw error // it has members, who made one before us
  }
}

async function oldest({ lane, topic }: Group): Promise<Checkpoint> {
  const offsets = await readStartOffsets(lane, topic)
  return { offsets, position: await findPositionBefore(lane, topic, offsets) }
}

export function createMember(group: Group): GroupMember {
  const { id, topic } = group
  let [memberId, generation, ownsSince] = ['', -1, -1]

  async function ask<T>(work: (coordinator: Connection) => Promise<T>): Promise<T> {
    try {
      return await group.request(work)
    } catch (error) {
      if (error instanceof MembershipLost) [memberId, generation, ownsSince] = ['', -1, -1]
      throw error
    }
  }

  async function enter(coordinator: Connection): Promise<JoinGroupResponse> {
    const protocols = [{ name: PROTOCOL, metadata: encodeSubscription(topic.kafkaName, ownsSince) }]
    const send = () =>
      joinGroupV7.api.async(coordinator, id, SESSION_MS, REBALANCE_MS, memberId, null, 'consumer', protocols)
    return send().catch((error: unknown) => {
      const given = hasApiError(error, 'MEMBER_ID_REQUIRED') ? memberIdIn(error) : ''
      if (given === '') throw error
      memberId = given
      return send()
    })
  }

  async function joinOnce(): Promise<boolean> {
    const joined = await ask(enter)
    memberId = joined.memberId
    generation = joined.generationId
    const assignments = joined.leader === memberId ? assign(topic, joined) : []
    const { assignment } = await ask(coordinator =>
      syncGroupV5.api.async(coordinator, id, generation, memberId, null, 'consumer', PROTOCOL, assignments),
    )
    const isOwner = decodeIsOwner(assignment)
    ownsSince = isOwner ? generation : -1
    return isOwner
  }

  return {
    async join() {
      for (let round = 1; ; round++)
        try {
          return await joinOnce()
        } catch (error) {
          if (!(error instanceof Rebalancing) || round === JOIN_ROUNDS) throw error
        }
    },
    async heartbeat() {
      return unlessRebalancing(async () => {
        await ask(coordinator => heartbeatV4.api.async(coordinator, id, generation, memberId))
      })
    },
    async commit(checkpoint) {
      return unlessRebalancing(() => ask(() => writeCheckpoint(group, generation, memberId, checkpoint)))
    },
    // Kafka forgets a group that nobody was in for long.
    checkpoint: async () => (await readCheckpoint(group)) ?? (await oldest(group)),
    async leave() {
      if (memberId === '') return
      await ask(coordinator => leaveGroupV5.api.async(coordinator, id, [{ memberId }]))
    },
  }
}

const PROTOCOL = 'waybill'

async function unlessRebalancing(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof Rebalancing) return false
    throw error
  }
}

function memberIdIn(error: unknown): string {
  const response: unknown = error instanceof ResponseError ? error.response : undefined
  if (typeof response !== 'object' || response === null || !('memberId' in response)) return ''
  return typeof response.memberId === 'string' ? response.memberId : ''
}

function assign({ kafkaName, layout }: Topic, { members }: JoinGroupResponse) {
  const all = members.map(({ memberId, metadata }) => ({
    id: memberId,
    ownsSince: decodeOwnsSince(metadata),
  }))
  const owner = chooseOwner(all)
  return all.map(({ id }) => ({
    memberId: id,
    assignment: encodeAssignment(kafkaName, id === owner ? layout.leaders.length : 0),
  }))
}

/** A commit says the position too: the highest of all partitions is where the group is. */
async function writeCheckpoint(
  group: Group,
  generation: number,
  memberId: string,
  { offsets, position }: Checkpoint,
): Promise<void> {
  const partitions = offsets.map((committedOffset, partitionIndex) => ({
    partitionIndex,
    committedOffset,
    committedLeaderEpoch: -1,
    committedMetadata: String(position),
  }))
  const topics = [{ name: group.topic.kafkaName, partitions }]
  await group.request(coordinator =>
    offsetCommitV8.api.async(coordinator, group.id, generation, memberId, null, topics),
  )
}

async function readCheckpoint(group: Group): Promise<Checkpoint | undefined> {
  const { kafkaName, layout } = group.topic
  const partitionIndexes = [...layout.leaders.keys()]
  const wanted = { groupId: group.id, memberEpoch: -1, topics: [{ name: kafkaName, partitionIndexes }] }
  const { groups } = await group.request(coordinator => offsetFetchV8.api.async(coordinator, [wanted], false))
  const found = groups.flatMap(({ topics }) => topics).flatMap(({ partitions }) => partitions)
  if (found.length === 0 || found.some(({ committedOffset }) => committedOffset < 0n)) return undefined
  const offsets = layout.leaders.map(() => 0n)
  for (const { partitionIndex, committedOffset } of found) offsets[partitionIndex] = committedOffset
  return { offsets, position: Math.max(...found.map(({ metadata }) => Number(metadata))) }
}
