/**
 * What a test bed is called. Everything follows from four hex digits, which are the middle of its subnet too (4f2a:
 * 10.79.42.0/24), so that whoever knows them can remove the bed, and two beds share nothing.
 */

export interface BedNames {
  id: string;
  /** Holds all of it; that it exists is the claim on the subnet. Short, since paths of unix sockets are. */
  root: string;
  /** `10.x.y`. */
  subnet: string;
  /** The caller's end of the bed: a veth with this name and address in the namespace that the bed was made from. */
  link: string;
  gateway: string;
  /** The namespace that holds the bridge, and every other one of the bed begins like it. */
  switch: string;
  prefix: string;
}

export interface HostNames {
  /** `h1`, and so on; also its host name, and the name of its cable at the bridge. */
  name: string;
  number: number;
  address: string;
  namespace: string;
  folder: string;
  socket: string;
}

/** A host's number is the last part of its address; the daemons' own networks start at 172.21.0.0/16. */
export const MAX_HOSTS = 9;

export function bedNames(id: string): BedNames {
  const subnet = `10.${Number.parseInt(id.slice(0, 2), 16)}.${Number.parseInt(id.slice(2), 16)}`;
  return {
    id,
    root: `/tmp/orca-bed-${id}`,
    subnet,
    link: `orca-${id}`,
    gateway: `${subnet}.254`,
    switch: `orca-bed-${id}-switch`,
    prefix: `orca-bed-${id}-`,
  };
}

export function hostNames(bed: BedNames, number: number): HostNames {
  const name = `h${number}`;
  const folder = `${bed.root}/${name}`;
  return {
    name,
    number,
    address: `${bed.subnet}.${number}`,
    namespace: `${bed.prefix}${name}`,
    folder,
    socket: `${folder}/docker.sock`,
  };
}
