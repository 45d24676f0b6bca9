// fake_disk: a disk whose power can be cut.
//
// It is a layer over a real folder of its own, in memory where the system has such, so that code
// which maps files by their paths finds them, and keeps a journal beside it of what would survive a
// power cut:
// - A file's bytes and length last once it was synced. What was written since then survives by
//   sectors of 512 bytes: each as it was after any of the writes, the length likewise on its own.
// - A name that was made, moved, linked or removed lasts once its folder was synced. What changed
//   since then survives as the first few changes or as any of them; a move never by half.
// - A sync that fails has kept a part, and a later one that succeeds does not bring the rest back.
// Everything is chosen by the seed. Folders last at once; a file's mapping is not part of it.
//
// Operations that change something are counted: opening by CREATE or REPLACE, writes, reserves,
// syncs, renames, links, removals. At the one that fake_disk_crash_at() names the power goes: it
// fails, though it may have begun, and so does everything after it, reads too, until
// fake_disk_reboot() has written what survived into the folder. Files that were open then fail for
// ever. Safe from any thread, but for open, reboot and close.
#pragma once

#include "base/list.h"
#include "base/random.h"
#include "io/disk.h"

#include <pthread.h>

struct fake_disk {
    struct disk disk; // what the code under test is given
    char folder[32];  // a fresh one, empty
    pthread_mutex_t mutex;
    struct link inodes;
    struct link names;
    struct link changes; // of names, in order, not yet synced
    struct random random;
    uint64_t boots;
    uint64_t operations; // counted since the opening
    uint64_t crash_at;   // 0: never
    uint64_t fail_at;
    err failure;
    bool is_down;
};

void fake_disk_open(struct fake_disk *d, uint64_t seed);
// Removes the folder and all that is in it. Every file has been closed.
void fake_disk_close(struct fake_disk *d);

// The power goes at the `n`-th operation from now, from 1.
void fake_disk_crash_at(struct fake_disk *d, uint64_t n);
// The `n`-th operation from now fails, and nothing else: a write has written half.
void fake_disk_fail_at(struct fake_disk *d, uint64_t n, err failure);

// Cuts the power, where it is not, and comes back with what survived, which is then durable.
void fake_disk_reboot(struct fake_disk *d);
