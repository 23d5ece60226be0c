/** The help of the two programs, kept here so that asking for it starts neither. */

const server = `Usage: orca server [flags]

Runs the master. It serves the API, keeps the state in the home, and runs this host's agent.
Each flag is also a variable (ORCA_LISTEN, …) and a key of HOME/cluster.toml; flags come first.

Flags:
  --home DIR               state, keys, token, cluster.toml (ORCA_HOME; /var/lib/orca for root, else ~/.orca)
  --listen HOST:PORT       the HTTPS API (0.0.0.0:6880)
  --http-listen HOST:PORT  the same API without TLS, on the loopback only (off)
  --http-port N            redirects to HTTPS (80)
  --https-port N           where services are served (443)
  --docker ADDRESS         Docker's socket (unix:///var/run/docker.sock)
  --advertise ADDRESS      where other nodes reach this one's containers
  --caddy PATH             the caddy binary (the one on the PATH)
  --no-agent               run no agent on this host

The key that seals private keys and secrets is HOME/master.key, or what ORCA_KEY or the systemd credential orca-key says.
`;

const agent = `Usage: orca agent [flags]

Runs the agent of a node: it converges Docker to what the master assigned, also while the master is away.

Flags:
  --home DIR               the home that holds agent/agent.json (ORCA_HOME)
`;

export const programHelp = { server, agent } as const;
