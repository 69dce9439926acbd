/** A way by which a program asks for its mount. */
export interface Door {
  /** Shown in the log. */
  readonly name: string;
  /** Descriptors that become readable when there is something to do. */
  readonly fds: () => readonly number[];
  /** Does what is to be done at a descriptor that became readable. @throws MountRefusal when the mount can't be had any more */
  serve(fd: number): void;
  close(): void;
}
