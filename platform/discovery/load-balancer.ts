// Sends each request to one healthy instance of a service, and to another where the first could not take it.
import type { BalancingStrategy } from '#platform/discovery/balancing-strategies.ts'
import type { ServiceInstances } from '#platform/discovery/discovery.ts'
import {
  type InstancePool,
  type InstancePoolOptions,
  openInstancePool,
  type PooledInstance,
} from '#platform/discovery/instance-pool.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { connectionLoss } from '#platform/resilience/outage.ts'
import { TimeLimitExceeded } from '#platform/resilience/time-limit.ts'

type LoadBalancerOptions<Connection extends AsyncDisposable> = InstancePoolOptions<Connection> & {
  /** The service's name, in errors. */
  readonly name: string
  readonly choose: BalancingStrategy
}

type BalancedRequest<Connection, Reply> = RequestTraits & {
  readonly send: (connection: Connection) => Promise<Reply>
  /** Returns false for a reply that shows an unhealthy instance. */
  readonly isInOrder: (reply: Reply) => boolean
}

type RequestTraits = {
  /** One object for all attempts at one request: an attempt avoids the instances where earlier ones failed. */
  readonly attempts: object
  /** True when the request is idempotent. */
  readonly repeatable: boolean
  readonly key: () => string
  readonly signal: AbortSignal
}

type LoadBalancer<Connection> = AsyncDisposable & {
  /**
   * Sends the request; one that could not be sent, or was lost and is repeatable, goes to another instance at once. When none
   * is up, all are tried, since one of them may have recovered. Throws what `send` threw, and CallerError UNAVAILABLE when
   * the service has no instance.
   */
  run<Reply>(call: BalancedRequest<Connection, Reply>): Promise<Reply>
}

/** Disposing waits for requests under way. */
export function openLoadBalancer<Connection extends AsyncDisposable>(
  options: LoadBalancerOptions<Connection>,
): LoadBalancer<Connection> {
  const members = openInstancePool(options)
  const choice = createChoice(options, members)

  async function attempt<Reply>(call: BalancedRequest<Connection, Reply>): Promise<Reply> {
    const member = choice.pick(call)
    member.active += 1
    try {
      const reply = await call.send(member.connection)
      if (call.isInOrder(reply)) member.health.succeeded()
      else choice.failed(member, call)
      return reply
    } catch (error) {
      if (!isStarved(call.signal)) choice.failed(member, call)
      throw error
    } finally {
      member.active -= 1
    }
  }

  return {
    async run(call) {
      if (members.all().length === 0) await whenResolved(options.instances, call.signal)
      for (;;)
        try {
          return await attempt(call)
        } catch (error) {
          if (!maySendAgain(error, call) || !choice.hasAnother(call)) throw error
        }
    },
    [Symbol.asyncDispose]: () => members[Symbol.asyncDispose](),
  }
}

/** Returns whether this process was too busy to read a response, which says nothing about the instance. */
function isStarved({ reason }: AbortSignal): boolean {
  return reason instanceof TimeLimitExceeded && reason.starved
}

function maySendAgain(error: unknown, { repeatable, signal }: RequestTraits): boolean {
  const loss = connectionLoss(error)
  return !signal.aborted && (loss === 'unsent' || (loss === 'lost' && repeatable))
}

type Choice<Connection> = {
  pick(asked: RequestTraits): PooledInstance<Connection>
  failed(member: PooledInstance<Connection>, asked: RequestTraits): void
  /** Returns whether there is an instance where no attempt has failed, which is up unless none is. */
  hasAnother(asked: RequestTraits): boolean
}

function createChoice<Connection extends AsyncDisposable>(
  { name, choose }: LoadBalancerOptions<Connection>,
  members: InstancePool<Connection>,
): Choice<Connection> {
  const failedOn = new WeakMap<object, Set<PooledInstance<Connection>>>()

  function candidates({ attempts, repeatable }: RequestTraits): readonly PooledInstance<Connection>[] {
    const all = members.all()
    if (all.length < 2) return all
    const avoided = failedOn.get(attempts)
    const isFresh = (member: PooledInstance<Connection>) => !avoided?.has(member)
    const now = performance.now()
    const trying = repeatable && all.find(one => isFresh(one) && one.health.mayProbe(now))
    if (trying) return [trying]
    const up = all.filter(({ health }) => health.isUp())
    return [up.filter(isFresh), all.filter(isFresh), up].find(some => some.length > 0) ?? all
  }

  return {
    pick(asked) {
      const [first, ...others] = candidates(asked)
      if (first === undefined) throw new CallerError('UNAVAILABLE', `${name} is nowhere to be found`)
      return others.length === 0 ? first : choose([first, ...others], asked.key)
    },
    failed(member, { attempts }) {
      member.health.failed(performance.now())
      failedOn.set(attempts, (failedOn.get(attempts) ?? new Set()).add(member))
    },
    hasAnother({ attempts }) {
      const avoided = failedOn.get(attempts)
      const isNoneUp = !members.all().some(({ health }) => health.isUp())
      return members.all().some(one => !avoided?.has(one) && (isNoneUp || one.health.isUp()))
    },
  }
}

/** Resolves after the registry's first response, or when `signal` is aborted. */
function whenResolved(instances: ServiceInstances, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const end = () => {
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    void instances.resolved.then(end)
  })
}
