// sequential: evidence that a rate has risen, weighed anew with each observation.
//
// Page's cumulative sum (1954) of Wald's log-likelihood ratios (1945): each hit adds, each miss
// takes away, and the score never falls below 0, so that old good news is no excuse. With
// a bar of height h a change is seen about h / KL observations after it came, which no test with as
// few false alarms beats by much. Those come once in at least exp(h) observations, so the bar rises
// with the logarithm of how many observations a window sees. Plain values, owned by whoever embeds
// them.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct sequential {
    double hit;  // what a hit adds
    double miss; // what a miss adds, below 0
    double score;
    uint32_t hits; // since the score last was 0
    msec hit_at;   // when the last hit began
    msec high_at;  // when the score last rose above half the bar
    bool is_high;
};

// Weighs a rate of `risen` against one of `healthy`; 0 < healthy < risen < 1. Keeps the score.
void sequential_aim(struct sequential *s, double healthy, double risen);
void sequential_clear(struct sequential *s);
void sequential_note(struct sequential *s, msec at, bool is_hit);
// What was noted as a miss has turned out to be a hit.
void sequential_convert(struct sequential *s, msec at);
// The height to exceed where a window sees so many observations.
double sequential_bar(double observations);
// Whether the score exceeds the bar, and half of it has been exceeded for `age_ms`. A score that is
// over it too early drops to three quarters, so that a burst is forgotten soon after, and what
// lasts is over the bar again in time. To be asked after each note.
bool sequential_exceeds(struct sequential *s, msec now, double bar, msec age_ms);

// The lower bound of the share that `hits` of `count` prove with one-sided confidence of 99 %:
// Wilson's score interval (1927). 0 where nothing was counted.
double sequential_share(uint32_t hits, uint32_t count);
