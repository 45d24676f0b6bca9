#include "retrieval/vector/text_set.h"

#include "base/memory.h"
#include "base/random.h"

#include <assert.h>
#include <string.h>

// Design
//
// Sorting is multikey quicksort (Bentley and Sedgewick 1997) on words of seven bytes, so that texts
// with a long start in common, such as URLs, are not compared from their first byte time and again.
// The words of a depth lie beside the numbers, as each look at a text of many is a cache miss.
// A word's lowest byte says how many bytes of the text it has, or that there are more.

enum { WORD_TEXT = 7, WORD_MORE = WORD_TEXT + 1, SPANS_MAX = 64, FEW = 12, LEAST_SIZE = 64 };

void text_set_init(struct text_set *s, uint64_t seed)
{
    *s = (struct text_set){.seed = seed};
}

void text_set_done(struct text_set *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        memory_free(s->chunks[i]);
    }
    memory_free(s->chunks);
    memory_free(s->places);
    memory_free(s->slots);
    *s = (struct text_set){.seed = s->seed};
}

str text_set_get(const struct text_set *s, uint32_t number)
{
    uint16_t len;

    assert(number < s->count);
    const char *at = s->chunks[s->places[number] / TEXT_SET_CHUNK];
    at += s->places[number] % TEXT_SET_CHUNK;
    memcpy(&len, at, sizeof(len));
    return (str){at + sizeof(len), len};
}

static uint32_t hash_of(const struct text_set *s, str text)
{
    uint64_t h = random_mix(s->seed ^ text.len);

    while (text.len) {
        uint64_t word = 0;
        size_t len = text.len < sizeof(word) ? text.len : sizeof(word);
        memcpy(&word, text.ptr, len);
        h = random_mix(h ^ word);
        text = str_sub(text, len, text.len);
    }
    return (uint32_t)h;
}

// A slot is empty, 0, or has a hash above and the number of a text + 1 below, so that other texts
// are told apart, and slots moved, without looking at texts.
static uint64_t slot_of(uint32_t hash, uint32_t number)
{
    return (uint64_t)hash << 32 | (number + 1);
}

static bool is_text(const struct text_set *s, uint64_t slot, uint32_t hash, str text)
{
    return slot >> 32 == hash && str_eq(text_set_get(s, (uint32_t)slot - 1), text);
}

// The slot of `text`, or the empty one where it belongs.
static uint32_t find_slot(const struct text_set *s, uint32_t hash, str text)
{
    uint32_t mask = s->slot_count - 1;
    uint32_t at = hash & mask;

    while (s->slots[at] && !is_text(s, s->slots[at], hash, text)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void grow_places(struct text_set *s)
{
    uint32_t size = s->places_size ? s->places_size + s->places_size / 2 : LEAST_SIZE;
    uint32_t *places = memory_alloc_raw(size * sizeof(*places));

    if (s->count) memcpy(places, s->places, s->count * sizeof(*places));
    memory_free(s->places);
    s->places = places;
    s->places_size = size;
}

static void grow_slots(struct text_set *s)
{
    uint32_t count = s->slot_count ? s->slot_count * 2 : 2 * LEAST_SIZE;
    uint64_t *slots = memory_alloc(count * sizeof(*slots));

    for (uint32_t i = 0; i < s->slot_count; i++) {
        uint32_t at = (uint32_t)(s->slots[i] >> 32) & (count - 1);
        if (s->slots[i] == 0) continue;
        while (slots[at]) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = s->slots[i];
    }
    memory_free(s->slots);
    s->slots = slots;
    s->slot_count = count;
}

static err add_chunk(struct text_set *s)
{
    if (s->chunk_count == TEXT_SET_CHUNKS_MAX) return ERR_LIMIT;
    if (!s->chunks) s->chunks = memory_alloc(TEXT_SET_CHUNKS_MAX * sizeof(*s->chunks));
    s->chunks[s->chunk_count++] = memory_alloc_raw(TEXT_SET_CHUNK);
    s->chunk_used = 0;
    return OK;
}

// Copies the text behind the last one, as number `count`.
static err append(struct text_set *s, str text)
{
    uint16_t len = (uint16_t)text.len;
    size_t size = sizeof(len) + text.len;

    if (s->chunk_count == 0 || size > TEXT_SET_CHUNK - s->chunk_used) TRY(add_chunk(s));
    if (s->count == s->places_size) grow_places(s);
    char *to = s->chunks[s->chunk_count - 1] + s->chunk_used;
    memcpy(to, &len, sizeof(len));
    if (text.len) memcpy(to + sizeof(len), text.ptr, text.len);
    s->places[s->count++] = (s->chunk_count - 1) * TEXT_SET_CHUNK + s->chunk_used;
    s->chunk_used += (uint32_t)size;
    s->text_bytes += text.len;
    return OK;
}

err text_set_add(struct text_set *s, str text, uint32_t *out)
{
    assert(text.len <= TEXT_SET_TEXT_MAX);
    if (s->count >= s->slot_count / 4 * 3) grow_slots(s);
    uint32_t hash = hash_of(s, text);
    uint32_t slot = find_slot(s, hash, text);
    if (s->slots[slot] == 0) {
        TRY(append(s, text));
        s->slots[slot] = slot_of(hash, s->count - 1);
    }
    *out = (uint32_t)s->slots[slot] - 1;
    return OK;
}

// The seven bytes from `depth` on as a number that orders like them.
static uint64_t word_at(const struct text_set *s, uint32_t number, uint32_t depth)
{
    str text = text_set_get(s, number);
    str rest = str_sub(text, depth, text.len);
    size_t len = rest.len < WORD_TEXT ? rest.len : WORD_TEXT;
    uint64_t word = 0;

    if (len) memcpy(&word, rest.ptr, len);
    return __builtin_bswap64(word) | (rest.len > WORD_TEXT ? WORD_MORE : len);
}

struct sorter {
    const struct text_set *set;
    uint32_t *numbers;
    uint64_t *words; // of the same texts
};

// Texts from `start` up to `end`, which are the same before `depth`.
struct span {
    uint32_t start;
    uint32_t end;
    uint32_t depth;
    bool has_words; // of this depth
};

static uint32_t span_len(struct span p)
{
    return p.end - p.start;
}

static bool is_above(const struct sorter *t, uint32_t at, uint32_t number, uint64_t word)
{
    if (t->words[at] != word) return t->words[at] > word;
    return str_compare(text_set_get(t->set, t->numbers[at]), text_set_get(t->set, number)) > 0;
}

static void sort_few(struct sorter *t, struct span p)
{
    for (uint32_t i = p.start + 1; i < p.end; i++) {
        uint32_t number = t->numbers[i];
        uint64_t word = t->words[i];
        uint32_t to = i;
        for (; to > p.start && is_above(t, to - 1, number, word); to--) {
            t->numbers[to] = t->numbers[to - 1];
            t->words[to] = t->words[to - 1];
        }
        t->numbers[to] = number;
        t->words[to] = word;
    }
}

static void swap(struct sorter *t, uint32_t a, uint32_t b)
{
    uint32_t number = t->numbers[a];
    uint64_t word = t->words[a];

    t->numbers[a] = t->numbers[b];
    t->words[a] = t->words[b];
    t->numbers[b] = number;
    t->words[b] = word;
}

// Splits a span into those below the word of a text in it, equal to it and above it.
static void split(struct sorter *t, struct span p, struct span out[3])
{
    uint64_t chosen = random_mix((uint64_t)p.start << 32 | p.end) % span_len(p);
    uint64_t pivot = t->words[p.start + chosen];
    uint32_t below = p.start;
    uint32_t above = p.end;

    for (uint32_t i = p.start; i < above;) {
        if (t->words[i] < pivot) {
            swap(t, i++, below++);
        } else if (t->words[i] > pivot) {
            swap(t, i, --above);
        } else {
            i++;
        }
    }
    bool has_more = (pivot & 0xff) == WORD_MORE;
    out[0] = (struct span){p.start, below, p.depth, true};
    // Distinct texts that are equal here have more bytes; else there is but one.
    out[1] = (struct span){below, has_more ? above : below, p.depth + WORD_TEXT, false};
    out[2] = (struct span){above, p.end, p.depth, true};
}

// The shortest last, so that it is next and the others wait: of three parts it is a third at most,
// of the two that are then left the next is a half, which bounds what can wait.
static void order_by_length(struct span parts[3])
{
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 2; i++) {
            struct span p = parts[i];
            if (span_len(p) >= span_len(parts[i + 1])) continue;
            parts[i] = parts[i + 1];
            parts[i + 1] = p;
        }
    }
}

static void sort_spans(struct sorter *t, uint32_t count)
{
    struct span waiting[SPANS_MAX] = {{0, count, 0, false}};
    int waiting_count = 1;

    while (waiting_count) {
        struct span p = waiting[--waiting_count];
        struct span parts[3];
        for (uint32_t i = p.start; i < p.end && !p.has_words; i++) {
            t->words[i] = word_at(t->set, t->numbers[i], p.depth);
        }
        if (span_len(p) <= FEW) {
            sort_few(t, p);
            continue;
        }
        split(t, p, parts);
        order_by_length(parts);
        assert(waiting_count + 3 <= SPANS_MAX);
        memcpy(&waiting[waiting_count], parts, sizeof(parts));
        waiting_count += 3;
    }
}

void text_set_sort(const struct text_set *s, uint32_t *numbers)
{
    struct sorter t = {.set = s, .numbers = numbers};

    for (uint32_t i = 0; i < s->count; i++) {
        numbers[i] = i;
    }
    t.words = memory_alloc_raw(s->count * sizeof(*t.words));
    sort_spans(&t, s->count);
    memory_free(t.words);
}
