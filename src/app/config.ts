import type defaults from '../../config/gateway.default.json';
export type GatewayConfig = typeof defaults;
