// Resolves the mutations of shipping: authorises the caller, checks the input, executes the command, maps the result.
import { type Role, requireRole } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'
import { checkId } from '#platform/subgraph/input.ts'
import type { MutationCancelShipmentArgs, MutationCreateShipmentArgs } from '#schema/generated/shipping.ts'
import { readShipment } from '#subgraphs/shipping/commands/input.ts'
import {
  type CommandDependencies,
  cancelShipment,
  createShipment,
  dispatchShipment,
  type ShipmentResult,
} from '#subgraphs/shipping/commands/shipments.ts'

export function createMutations(dependencies: CommandDependencies) {
  return {
    dispatchShipment: shipmentMutation(dependencies, 'dispatchShipment', 'ops'),
    cancelShipment: shipmentMutation(dependencies, 'cancelShipment', 'service'),

    async createShipment(_: unknown, { input }: MutationCreateShipmentArgs, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { idempotencyKey } = input
      const body = readShipment(input)
      const command = commandContext(context, { mutation: 'createShipment', idempotencyKey, body })
      const result = await createShipment(dependencies, body, command)
      const refusal = result.status === 'accepted' ? result.shipment.refusal : result.refusal
      const union = toUnion(result, context)
      if (refusal) return { __typename: 'CarrierRefused', code: 'CARRIER_REFUSED', message: refusal.message }
      return { ...union, __typename: 'ShipmentCreated' }
    },
  }
}

const CHANGES = { cancelShipment, dispatchShipment }

function shipmentMutation(dependencies: CommandDependencies, mutation: keyof typeof CHANGES, role: Role) {
  return async (_: unknown, { input }: MutationCancelShipmentArgs, context: RequestContext) => {
    requireRole(context.viewer, role)
    const { idempotencyKey } = input
    const body = checkId('shipmentId', 'shipment', input.shipmentId)
    const command = commandContext(context, { mutation, idempotencyKey, body })
    return toUnion(await CHANGES[mutation](dependencies, body, command), context)
  }
}

function toUnion(result: ShipmentResult, { consistency }: RequestContext) {
  consistency.reached('shipping', result.position)
  return result.status === 'accepted'
    ? { __typename: 'ShipmentChanged', shipment: result.shipment }
    : { __typename: 'ShipmentRefused', ...result.refusal }
}
