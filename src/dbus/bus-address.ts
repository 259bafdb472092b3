/** Where a bus is: `session` and `system` by the environment, an address as it is. */
export function busAddress(name: string, env: NodeJS.ProcessEnv, uid: number): string {
  if (name === 'session') return sessionBusAddress(env, uid);
  return name === 'system' ? systemBusAddress(env) : name;
}

/** Where the system bus is, by the environment. */
export function systemBusAddress(env: NodeJS.ProcessEnv): string {
  return env['DBUS_SYSTEM_BUS_ADDRESS'] || 'unix:path=/run/dbus/system_bus_socket';
}

/**
 * Where the session bus of a user is. A service starts before its user's session, and without its environment: then it is where
 * systemd will put it, and found when it is there.
 */
function sessionBusAddress(env: NodeJS.ProcessEnv, uid: number): string {
  return env['DBUS_SESSION_BUS_ADDRESS'] || `unix:path=/run/user/${uid}/bus`;
}
