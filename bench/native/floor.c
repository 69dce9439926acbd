/*
 * The least that a FUSE server can do: floor TARGET ATTRIBUTES-OF [MICROSECONDS]. One thread that blocks in read(2), or looks so long for the next request before it does, and answers
 * look-ups and questions for attributes from what it knows: any directory down to tree/dN, and the attributes of one file
 * for whatever is called fN. Nothing is kept by the kernel. Prints a line when it is mounted and ends with the mount.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define FILE_NODE 3

static struct stat file;
static int device;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct fuse_attr attributes_of(uint64_t node) {
  struct fuse_attr attr = {.ino = node, .nlink = 2, .mode = S_IFDIR | 0755, .blksize = 4096};
  if (node == FILE_NODE) {
    attr.mode = file.st_mode;
    attr.nlink = file.st_nlink;
    attr.size = file.st_size;
    attr.mtime = file.st_mtim.tv_sec;
    attr.mtimensec = file.st_mtim.tv_nsec;
  }
  return attr;
}

static void answer(const struct fuse_in_header *in, int error, const void *body, size_t length) {
  struct fuse_out_header out = {sizeof out + length, error, in->unique};
  struct iovec parts[] = {{&out, sizeof out}, {(void *)body, length}};
  /* ENOENT: the caller has gone in the meantime. */
  if (writev(device, parts, length ? 2 : 1) < 0 && errno != ENOENT) fail("answer");
}

static void serve(const struct fuse_in_header *in, const char *body) {
  switch (in->opcode) {
    case FUSE_INIT: {
      const struct fuse_init_in *init = (const void *)body;
      struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                  .minor = init->minor < FUSE_KERNEL_MINOR_VERSION ? init->minor : FUSE_KERNEL_MINOR_VERSION,
                                  .max_write = 4096, .time_gran = 1};
      answer(in, 0, &out, sizeof out);
      break;
    }
    case FUSE_LOOKUP: {
      uint64_t node = *body == 'f' ? FILE_NODE : *body == 'd' ? 4 : 2;
      struct fuse_entry_out out = {.nodeid = node, .entry_valid = 3600, .attr_valid = 3600, .attr = attributes_of(node)};
      answer(in, 0, &out, sizeof out);
      break;
    }
    case FUSE_GETATTR: {
      struct fuse_attr_out out = {.attr_valid = 3600, .attr = attributes_of(in->nodeid)};
      answer(in, 0, &out, sizeof out);
      break;
    }
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      break;
    default:
      answer(in, -ENOSYS, NULL, 0);
  }
}

static long nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* As busy-poll.ts does it. */
static void look(long window) {
  struct pollfd readable = {device, POLLIN, 0};
  long end = nanoseconds() + window;
  for (int looks = 1; poll(&readable, 1, 0) == 0 && nanoseconds() < end; looks++)
    if (looks % 4 == 0) sched_yield();
}

int main(int argc, char **argv) {
  static char request[1 << 17] __attribute__((aligned(8)));
  char options[128];
  if (argc < 3 || argc > 4) return 2;
  long window = argc == 4 ? atol(argv[3]) * 1000 : 0;
  if (stat(argv[2], &file)) fail(argv[2]);
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) fail("/dev/fuse");
  snprintf(options, sizeof options, "fd=%d,rootmode=40755,user_id=0,group_id=0", device);
  if (mount("floor", argv[1], "fuse.floor", MS_RDONLY | MS_NOSUID | MS_NODEV, options)) fail(argv[1]);
  puts("mounted");
  fflush(stdout);
  for (;;) {
    if (window) look(window);
    ssize_t got = read(device, request, sizeof request);
    if (got < 0 && errno == ENODEV) return 0;
    if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) continue;
    if (got < 0) fail("request");
    serve((const void *)request, request + sizeof(struct fuse_in_header));
  }
}
