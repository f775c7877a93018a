/* Lets one call of the C library fail, for files below a folder: preloaded by tests/runs/test_saving.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *call, int file) {
    const char *which = getenv("FAIL_CALL"), *below = getenv("FAIL_BELOW");
    char link[64], path[4096];
    ssize_t size;
    if (which == NULL || strcmp(which, call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    /* a run may begin: the lock and what is tried before it can be written */
    if (strcmp(call, "write") == 0 && strstr(path, ".partial.nc") == NULL)
        return 0;
    return below == NULL || strncmp(path, below, strlen(below)) == 0;
}

static int error(void) { return atoi(getenv("FAIL_ERRNO")); }

int flock(int file, int operation) {
    int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    if (fails("flock", file)) { errno = error(); return -1; }
    return real(file, operation);
}

ssize_t write(int file, const void *content, size_t size) {
    ssize_t (*real)(int, const void *, size_t) =
        (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (fails("write", file)) { errno = error(); return -1; }
    return real(file, content, size);
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    if (fails("fsync", file)) { errno = error(); return -1; }
    return real(file);
}

int posix_fallocate(int file, off_t offset, off_t size) {
    int (*real)(int, off_t, off_t) = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    if (fails("posix_fallocate", file)) return error();
    return real(file, offset, size);
}

int posix_fallocate64(int file, off_t offset, off_t size) {
    return posix_fallocate(file, offset, size);
}
