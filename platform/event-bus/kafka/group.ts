// Takes part in the Kafka consumer group of one topic: joins, sends heartbeats, commits and reads the checkpoint.
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
import { readStartOffsets, type TopicConnection } from '#platform/event-bus/kafka/fetch.ts'
import {
  chooseOwner,
  decodeIsOwner,
  decodeOwnsSince,
  encodeAssignment,
  encodeSubscription,
} from '#platform/event-bus/kafka/group-protocol.ts'
import { findPositionBefore } from '#platform/event-bus/kafka/position-search.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'

/** How long a silent owner keeps its topic, and how often a live one sends a heartbeat. */
export const SESSION_MS = 6_000
export const HEARTBEAT_MS = 1_000
const REBALANCE_MS = 5_000

/** The group's progress: `offsets` by partition, and the position of the message that was delivered last. */
export type Checkpoint = { readonly offsets: readonly bigint[]; readonly position: number }

/** This process as a member of the group. One call waits for another: a heartbeat must name the generation that a join returns. */
export type GroupMember = {
  /**
   * Joins the group anew. Resolves to true if this process owns the topic from now on, or still. Throws MembershipLost
   * when the group has gone on without it.
   */
  join(): Promise<boolean>
  /** Resolves to false when others came or went, and everybody is to join anew. Throws MembershipLost. */
  heartbeat(): Promise<boolean>
  /** Resolves to false while the group rebalances: the next commit includes this one. Throws MembershipLost. */
  commit(checkpoint: Checkpoint): Promise<boolean>
  checkpoint(): Promise<Checkpoint>
  leave(): Promise<void>
}

/** Thrown when the group took this process for dead: another may own what it owned. */
export class MembershipLost extends Error {}

/** Thrown when others came or went: everybody joins anew. */
class Rebalancing extends Error {}

type JoinGroupResponse = Awaited<ReturnType<typeof joinGroupV7.api.async>>

const PROTOCOL = 'waybill'
const LOST = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']
const JOIN_ROUNDS = 10

/** A group has one topic, so that each topic has one owner and one checkpoint. */
export type Group = TopicConnection & {
  readonly id: string
  /** Runs `work` with a connection to the group's coordinator. Throws MembershipLost or Rebalancing, too. */
  request<T>(work: (coordinator: Connection) => Promise<T>): Promise<T>
}

/** Opens a group on a connection for it alone, because a join may wait for the other members. */
export function openGroup({ connection, topic }: TopicConnection, id: string): Group {
  let node: number | undefined
  return {
    id,
    topic,
    connection,
    request: work =>
      withRetry(connection, async () => {
        node ??= await findCoordinator(connection, id)
        try {
          return await work(await connection.broker(node))
        } catch (error) {
          if (LOST.some(name => hasApiError(error, name))) throw new MembershipLost(String(error))
          if (hasApiError(error, 'REBALANCE_IN_PROGRESS')) throw new Rebalancing()
          node = undefined
          throw error
        }
      }),
  }
}

export function groupIdOf(namespace: string, group: string, topic: string): string {
  return `${namespace}.${group}/${topic}`
}

async function findCoordinator({ admin }: KafkaConnection, id: string): Promise<number> {
  const [found] = await admin.findCoordinator({ keyType: FindCoordinatorKeyTypes.GROUP, keys: [id] })
  if (!found) throw new Error(`Kafka names no coordinator of group ${id}`)
  return found.nodeId
}

/** Creates a new group's checkpoint at the oldest message that is kept. */
export async function createGroupCheckpoint(group: Group): Promise<void> {
  if (await readCheckpoint(group)) return
  try {
    await writeCheckpoint(group, { generation: -1, id: '' }, await readOldest(group))
  } catch (error) {
    if (!(error instanceof MembershipLost)) throw error // it has members, who made one before us
  }
}

async function readOldest(group: Group): Promise<Checkpoint> {
  const offsets = await readStartOffsets(group)
  return { offsets, position: await findPositionBefore(group, offsets) }
}

type MemberState = {
  readonly group: Group
  id: string
  generation: number
  /** The generation in which this process was given the topic that it still owns; -1 if it owns none. */
  ownsSince: number
}

export function createMember(group: Group): GroupMember {
  const member: MemberState = { group, id: '', generation: -1, ownsSince: -1 }
  const queue = createKeyedQueue()
  const inTurn = <T>(work: () => Promise<T>) => queue.run([group.id], work)
  return {
    join: () => inTurn(() => join(member)),
    heartbeat: () => inTurn(() => unlessRebalancing(() => sendHeartbeat(member))),
    commit: checkpoint => inTurn(() => unlessRebalancing(() => commit(member, checkpoint))),
    // Kafka forgets a group that nobody was in for long.
    checkpoint: () => inTurn(async () => (await readCheckpoint(group)) ?? (await readOldest(group))),
    leave: () => inTurn(() => leave(member)),
  }
}

async function sendHeartbeat(member: MemberState): Promise<void> {
  await request(member, coordinator =>
    heartbeatV4.api.async(coordinator, member.group.id, member.generation, member.id),
  )
}

function commit(member: MemberState, checkpoint: Checkpoint): Promise<void> {
  return forgetWhenLost(member, () => writeCheckpoint(member.group, member, checkpoint))
}

async function leave(member: MemberState): Promise<void> {
  if (member.id === '') return
  const leaving = [{ memberId: member.id }]
  await request(member, coordinator => leaveGroupV5.api.async(coordinator, member.group.id, leaving))
}

function request<T>(member: MemberState, work: (coordinator: Connection) => Promise<T>): Promise<T> {
  return forgetWhenLost(member, () => member.group.request(work))
}

async function forgetWhenLost<T>(member: MemberState, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MembershipLost) Object.assign(member, { id: '', generation: -1, ownsSince: -1 })
    throw error
  }
}

async function join(member: MemberState): Promise<boolean> {
  for (let round = 1; ; round++)
    try {
      return await joinOnce(member)
    } catch (error) {
      if (!(error instanceof Rebalancing) || round === JOIN_ROUNDS) throw error
    }
}

async function joinOnce(member: MemberState): Promise<boolean> {
  const { id, topic } = member.group
  const joined = await request(member, coordinator => sendJoin(member, coordinator))
  member.id = joined.memberId
  member.generation = joined.generationId
  const assignments = joined.leader === member.id ? assignTopic(topic, joined) : []
  const { assignment } = await request(member, coordinator =>
    syncGroupV5.api.async(
      coordinator,
      id,
      member.generation,
      member.id,
      null,
      'consumer',
      PROTOCOL,
      assignments,
    ),
  )
  const isOwner = decodeIsOwner(assignment)
  member.ownsSince = isOwner ? member.generation : -1
  return isOwner
}

/** A new member is first given an id, with which it asks again. */
async function sendJoin(member: MemberState, coordinator: Connection): Promise<JoinGroupResponse> {
  const { id, topic } = member.group
  const metadata = encodeSubscription(topic.kafkaName, member.ownsSince)
  const protocols = [{ name: PROTOCOL, metadata }]
  const send = () =>
    joinGroupV7.api.async(coordinator, id, SESSION_MS, REBALANCE_MS, member.id, null, 'consumer', protocols)
  return send().catch((error: unknown) => {
    const given = hasApiError(error, 'MEMBER_ID_REQUIRED') ? memberIdIn(error) : ''
    if (given === '') throw error
    member.id = given
    return send()
  })
}

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

/** Assigns all partitions to one member, and none to the others. */
function assignTopic({ kafkaName, layout }: Topic, { members }: JoinGroupResponse) {
  const candidates = members.map(({ memberId, metadata }) => ({
    id: memberId,
    ownsSince: decodeOwnsSince(metadata),
  }))
  const owner = chooseOwner(candidates)
  return candidates.map(({ id }) => ({
    memberId: id,
    assignment: encodeAssignment(kafkaName, id === owner ? layout.leaders.length : 0),
  }))
}

/** A commit carries the position too: the highest of all partitions is the group's. */
async function writeCheckpoint(
  group: Group,
  member: Pick<MemberState, 'id' | 'generation'>,
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
    offsetCommitV8.api.async(coordinator, group.id, member.generation, member.id, null, topics),
  )
}

async function readCheckpoint(group: Group): Promise<Checkpoint | undefined> {
  const { kafkaName, layout } = group.topic
  const partitionIndexes = [...layout.leaders.keys()]
  const requested = { groupId: group.id, memberEpoch: -1, topics: [{ name: kafkaName, partitionIndexes }] }
  const { groups } = await group.request(coordinator =>
    offsetFetchV8.api.async(coordinator, [requested], false),
  )
  const found = groups.flatMap(({ topics }) => topics).flatMap(({ partitions }) => partitions)
  if (found.length === 0 || found.some(({ committedOffset }) => committedOffset < 0n)) return undefined
  const offsets = layout.leaders.map(() => 0n)
  for (const { partitionIndex, committedOffset } of found) offsets[partitionIndex] = committedOffset
  return { offsets, position: Math.max(...found.map(({ metadata }) => Number(metadata))) }
}
