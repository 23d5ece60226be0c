/**
 * The SSH host keys of public git servers, as known_hosts lines; those of any other are pinned at first use. Each as its owner publishes it:
 * docs.github.com (GitHub's SSH key fingerprints), docs.gitlab.com (GitLab.com settings), support.atlassian.com (Bitbucket's SSH host keys), docs.codeberg.org
 * (SSH fingerprints); a test holds them against the published SHA-256 fingerprints.
 */
export const SHIPPED_HOSTS = [
  'github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
  'gitlab.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf',
  'bitbucket.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO',
  'codeberg.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB',
] as const;
