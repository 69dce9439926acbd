/*
 * One measurement in a process of its own: client OPERATION ROOT COUNT JOBS
 *
 * Prints the nanoseconds that passed, how many things were done, a checksum that has to be the same for all
 * contenders, and the microseconds of processor time that it took itself. Its own start is not measured. JOBS
 * processes do the same at the same time, COUNT times each; the clock runs from the moment all are ready until the
 * last has ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES_A_DIRECTORY 100
#define PAGE 4096
#define MIB (1 << 20)
#define MOST_JOBS 64

/* What one job has done. */
struct result {
  uint64_t count;
  uint64_t sum;
};

/* Shared by all jobs. */
struct shared {
  int ready;
  int go;
  struct result of[MOST_JOBS];
};

static const char *root;
static long count;
static int job;

static void fail(const char *what) {
  fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Whole seconds: fuse2fs has no smaller part of a time. */
static uint64_t of_attributes(const struct stat *st) {
  return st->st_size * 31 + st->st_mtim.tv_sec + st->st_mode * 7 + st->st_nlink;
}

static void file_path(char *path, size_t size, long i) {
  snprintf(path, size, "%s/tree/d%ld/f%ld", root, i / FILES_A_DIRECTORY, i);
}

/* Names and attributes of everything below a directory, as find -ls asks for them: getdents(2), newfstatat(2). */
static void walk_directory(int parent, const char *name, struct result *result) {
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail(name);
  DIR *directory = fdopendir(fd);
  if (directory == NULL) fail(name);
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(directory);
    if (entry == NULL) break;
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    struct stat st;
    if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) fail(entry->d_name);
    result->count++;
    result->sum += of_attributes(&st);
    if (S_ISDIR(st.st_mode)) walk_directory(fd, entry->d_name, result);
  }
  if (errno) fail(name);
  closedir(directory);
}

static void walk(struct result *result) {
  walk_directory(AT_FDCWD, root, result);
}

/* The attributes of one file, which the kernel has or not as the contender lets it. */
static void stat_one(struct result *result) {
  char path[PATH_MAX];
  struct stat st;
  file_path(path, sizeof path, 0);
  for (long i = 0; i < count; i++, result->count++) {
    if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW)) fail(path);
    result->sum += of_attributes(&st);
  }
}

/* The same, where the caller wants the server's own word. */
static void stat_forced(struct result *result) {
  char path[PATH_MAX];
  struct statx st;
  file_path(path, sizeof path, 0);
  for (long i = 0; i < count; i++, result->count++) {
    if (statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st)) fail(path);
    result->sum += st.stx_size + st.stx_mtime.tv_sec;
  }
}

/* Each file once, with its birth time: what the kernel does not keep for a FUSE file until it asked once. */
static void stat_birth(struct result *result) {
  char path[PATH_MAX];
  struct statx st;
  for (long i = 0; i < count; i++, result->count++) {
    file_path(path, sizeof path, i);
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st)) fail(path);
    result->sum += st.stx_size + st.stx_mtime.tv_sec;
  }
}

static void open_close(struct result *result) {
  char path[PATH_MAX];
  file_path(path, sizeof path, 0);
  for (long i = 0; i < count; i++, result->count++) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path);
    close(fd);
  }
}

static void read_small(struct result *result) {
  static unsigned char buffer[64 * 1024];
  char path[PATH_MAX];
  for (long i = 0; i < count; i++, result->count++) {
    file_path(path, sizeof path, i);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) fail(path);
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 1) fail(path);
    result->sum += got + buffer[0] * 3 + buffer[got - 1] * 5;
    close(fd);
  }
}

/* Eight bytes of each page: enough to know that they are right, cheap beside the copy. */
static uint64_t of_pages(const unsigned char *bytes, ssize_t length) {
  uint64_t sum = 0, word;
  for (ssize_t at = 0; at + 8 <= length; at += PAGE) {
    memcpy(&word, bytes + at, 8);
    sum += word;
  }
  return sum;
}

static void read_sequential(struct result *result) {
  char path[PATH_MAX];
  void *buffer;
  snprintf(path, sizeof path, "%s/sequential", root);
  if (posix_memalign(&buffer, PAGE, MIB)) fail("memory");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  for (;;) {
    ssize_t got = read(fd, buffer, MIB);
    if (got < 0) fail(path);
    if (got == 0) break;
    result->count += got;
    result->sum += of_pages(buffer, got);
  }
  close(fd);
}

/* Reads of one page past the page cache, at places that are the same for all contenders. */
static void read_random(struct result *result) {
  char path[PATH_MAX];
  void *buffer;
  struct stat st;
  uint64_t state = 88172645463325252ull + job * 7919;
  snprintf(path, sizeof path, "%s/scattered", root);
  if (posix_memalign(&buffer, PAGE, PAGE)) fail("memory");
  int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st)) fail(path);
  for (long i = 0; i < count; i++, result->count++) {
    /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    if (pread(fd, buffer, PAGE, state % (st.st_size / PAGE) * PAGE) != PAGE) fail(path);
    result->sum += of_pages(buffer, PAGE);
  }
  close(fd);
}

static const struct {
  const char *name;
  void (*run)(struct result *);
} operations[] = {
    {"walk", walk},           {"stat", stat_one},        {"stat-forced", stat_forced},
    {"stat-birth", stat_birth}, {"open-close", open_close}, {"read-small", read_small},
    {"sequential", read_sequential}, {"random", read_random},
};

static double cpu_microseconds(int who) {
  struct rusage usage;
  getrusage(who, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void wait_until(int *cell, int value) {
  while (__atomic_load_n(cell, __ATOMIC_ACQUIRE) < value) sched_yield();
}

int main(int argc, char **argv) {
  void (*run)(struct result *) = NULL;
  if (argc != 5) {
    fprintf(stderr, "usage: client OPERATION ROOT COUNT JOBS\n");
    return 2;
  }
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (!strcmp(operations[i].name, argv[1])) run = operations[i].run;
  root = argv[2];
  count = atol(argv[3]);
  int jobs = atoi(argv[4]);
  if (run == NULL || count < 0 || jobs < 1 || jobs > MOST_JOBS) {
    fprintf(stderr, "client: can't do %s %s times by %s jobs\n", argv[1], argv[3], argv[4]);
    return 2;
  }
  struct result total = {0, 0};
  uint64_t start, end;
  double cpu;
  if (jobs == 1) {
    cpu = cpu_microseconds(RUSAGE_SELF);
    start = nanoseconds();
    run(&total);
    end = nanoseconds();
    cpu = cpu_microseconds(RUSAGE_SELF) - cpu;
  } else {
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) fail("memory");
    for (job = 0; job < jobs; job++) {
      pid_t pid = fork();
      if (pid < 0) fail("fork");
      if (pid == 0) {
        struct result mine = {0, 0};
        __atomic_add_fetch(&shared->ready, 1, __ATOMIC_RELEASE);
        wait_until(&shared->go, 1);
        run(&mine);
        shared->of[job] = mine;
        exit(0);
      }
    }
    wait_until(&shared->ready, jobs);
    start = nanoseconds();
    __atomic_store_n(&shared->go, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < jobs; i++) {
      int status;
      if (wait(&status) < 0 || status != 0) return 1;
    }
    end = nanoseconds();
    cpu = cpu_microseconds(RUSAGE_CHILDREN);
    for (int i = 0; i < jobs; i++) {
      total.count += shared->of[i].count;
      total.sum += shared->of[i].sum;
    }
  }
  printf("%llu %llu %llx %.0f\n", (unsigned long long)(end - start), (unsigned long long)total.count,
         (unsigned long long)total.sum, cpu);
  return 0;
}
