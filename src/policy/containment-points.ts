/** What a contained server can be checked for from outside, by the names that policy files and reports use. */
export const CONTAINMENT_POINTS = [
  'user',
  'capabilities',
  'no-new-privileges',
  'seccomp',
  'landlock',
  'namespaces',
  'descriptors',
  'limits',
  'cgroup',
] as const;

/** One of `CONTAINMENT_POINTS`. */
export type ContainmentPoint = (typeof CONTAINMENT_POINTS)[number];
