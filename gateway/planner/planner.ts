// Plans operations in a process of its own, which may break or take too long without harm to anybody else. Free of requests.
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { GraphQLError } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { PlanNode } from '#gateway/executor/plan.ts'
import type { FromPlanner, ToPlanner } from '#gateway/planner/messages.ts'
import { CallerError } from '#platform/domain/errors.ts'

export type Planner = AsyncDisposable & {
  /** What clients see of the supergraph, as SDL. */
  readonly publicSchema: string
  /**
   * Of a valid operation; undefined when no subgraph is to be asked. Rejects with a GraphQLError when it cannot be planned,
   * when the planner breaks on it or takes longer than ten seconds, and, with UNAVAILABLE, when a thousand others wait
   * already. Then the other operations are planned all the same. One that it broke on twice is not tried again.
   */
  plan(text: string, operationName: string | undefined): Promise<PlanNode | undefined>
}

const PROCESS = new URL('./planner-process.ts', import.meta.url)
const MAX_WAITING = 1000
const MAX_PLAN_MS = 10_000
/** Of a large supergraph. */
const MAX_START_MS = 60_000
/** Operations are planned once: a planner that has nothing to do gives its memory back. */
const IDLE_MS = 60_000
/** Each costs a start of the process. */
const MAX_BREAKS = 2
const MAX_BROKEN = 10_000
const BREAKS = 'the planner breaks on the operation'

type Waiting = {
  readonly message: ToPlanner
  readonly resolve: (answer: FromPlanner) => void
  readonly reject: (error: Error) => void
}

/** Rejects when the planner cannot read the supergraph. */
export async function startPlanner(sdl: string): Promise<Planner> {
  const conversation = converse({ kind: 'supergraph', sdl })
  const ready = await conversation.opened
  if (ready.kind !== 'ready') {
    conversation.close()
    throw new Error(ready.kind === 'refused' ? ready.reason : 'the planner does not take it')
  }
  const broken = new LRUCache<string, number>({ max: MAX_BROKEN })
  return {
    publicSchema: ready.publicSchema,
    async plan(text, operationName) {
      const key = createHash('sha256').update(`${operationName} ${text}`).digest('base64')
      if ((broken.get(key) ?? 0) >= MAX_BREAKS) throw new Error(BREAKS)
      const answer = await conversation.ask({ kind: 'plan', text, operationName }).catch((error: Error) => {
        if (error.message === BREAKS) broken.set(key, (broken.get(key) ?? 0) + 1)
        throw error
      })
      if (answer.kind !== 'planned')
        throw new GraphQLError('The operation cannot be planned.', {
          originalError: new Error(reasonOf(answer)),
        })
      return (answer.node ?? undefined) as PlanNode | undefined
    },
    async [Symbol.asyncDispose]() {
      conversation.close()
    },
  }
}

function reasonOf(answer: FromPlanner): string {
  return answer.kind === 'refused' ? answer.reason : 'the planner gave no plan'
}

type Conversation = {
  readonly opened: Promise<FromPlanner>
  ask(message: ToPlanner): Promise<FromPlanner>
  close(): void
}

/** With a process that is started again, and told `opening` again, whenever it has ended and is asked something. */
function converse(opening: ToPlanner): Conversation {
  /** In the order asked, which is that of the answers: the first is what the process is at. */
  let waiting: Waiting[] = []
  let child: ChildProcess | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function start(): void {
    const started = fork(PROCESS, { execArgv: [], env: {}, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    started.on('message', (answer: FromPlanner) => settle(answer))
    started.on('error', () => started.kill('SIGKILL'))
    started.once('exit', () => {
      if (child === started) ended()
    })
    child = started
  }

  function send(asked: Waiting): void {
    waiting.push(asked)
    child?.send(asked.message, arrived)
    watch()
  }

  /** The supergraph is the first thing that a new process is told. */
  function restart(): void {
    start()
    send({ message: opening, resolve() {}, reject() {} })
  }

  function settle(answer: FromPlanner): void {
    waiting.shift()?.resolve(answer)
    watch()
  }

  /** What the process was at is what it broke on; the others are asked again. */
  function ended(): void {
    child = undefined
    const [first, ...others] = waiting
    waiting = []
    clearTimeout(timer)
    if (first?.message === opening) {
      for (const { reject } of [first, ...others]) reject(new Error('the planner breaks on it'))
      return
    }
    first?.reject(new Error(BREAKS))
    if (others.length > 0) restart()
    for (const other of others) send(other)
  }

  function watch(): void {
    clearTimeout(timer)
    const [first] = waiting
    hold(first !== undefined)
    const ms = first === undefined ? IDLE_MS : first.message === opening ? MAX_START_MS : MAX_PLAN_MS
    timer = child && setTimeout(() => child?.kill('SIGKILL'), ms).unref()
  }

  /** Only while it is waited for does the process keep the gateway's own process up. */
  function hold(needed: boolean): void {
    if (needed) {
      child?.ref()
      child?.channel?.ref()
    } else {
      child?.unref()
      child?.channel?.unref()
    }
  }

  const opened = new Promise<FromPlanner>((resolve, reject) => {
    start()
    send({ message: opening, resolve, reject })
  })
  return {
    opened,
    ask(message) {
      if (closed) return Promise.reject(new Error('the planner is closed'))
      if (waiting.length >= MAX_WAITING)
        return Promise.reject(new CallerError('UNAVAILABLE', 'too many new operations at once: try again'))
      return new Promise((resolve, reject) => {
        if (!child) restart()
        send({ message, resolve, reject })
      })
    },
    close() {
      closed = true
      clearTimeout(timer)
      const ending = child
      child = undefined
      ending?.kill('SIGKILL')
      for (const { reject } of waiting.splice(0)) reject(new Error('the planner is closed'))
    },
  }
}

/** A message that does not arrive is told of by the end of the process. */
function arrived(): void {}
