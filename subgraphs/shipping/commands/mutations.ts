// Resolves the mutations of shipping: authorises the caller, checks the input, executes the command, maps the result.
import { requireRole } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { commandContext } from '#platform/subgraph/command-context.ts'
import { checkId } from '#platform/subgraph/input.ts'
import type {
  MutationCancelShipmentArgs,
  MutationCreateShipmentArgs,
  MutationDispatchShipmentArgs,
} from '#schema/generated/shipping.ts'
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
    async dispatchShipment(_: unknown, { input }: MutationDispatchShipmentArgs, context: RequestContext) {
      requireRole(context.viewer, 'ops')
      const { idempotencyKey } = input
      const body = checkId('shipmentId', 'shipment', input.shipmentId)
      const command = commandContext(context, { mutation: 'dispatchShipment', idempotencyKey, body })
      return toUnion(await dispatchShipment(dependencies, body, command), context)
    },

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

    async cancelShipment(_: unknown, { input }: MutationCancelShipmentArgs, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { idempotencyKey } = input
      const body = checkId('shipmentId', 'shipment', input.shipmentId)
      const command = commandContext(context, { mutation: 'cancelShipment', idempotencyKey, body })
      return toUnion(await cancelShipment(dependencies, body, command), context)
    },
  }
}

function toUnion(result: ShipmentResult, { consistency }: RequestContext) {
  consistency.reached('shipping', result.position)
  return result.status === 'accepted'
    ? { __typename: 'ShipmentChanged', shipment: result.shipment }
    : { __typename: 'ShipmentRefused', ...result.refusal }
}
