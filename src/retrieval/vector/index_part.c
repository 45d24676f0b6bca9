#include "retrieval/vector/index_part.h"

#include "base/memory.h"
#include "retrieval/vector/manifest.h"

#include <string.h>

static err open_lists(struct index_part *p)
{
    if (p->segment.shape.tier != SEGMENT_IVF) return OK;
    TRY(segment_ivf(&p->segment, &p->ivf));
    // What is missing or damaged costs time or recall, which is no reason not to open it.
    if (calibration_read(&p->segment, &p->calibration)) p->calibration = *calibration_guess();
    p->has_lists = true;
    return OK;
}

static err open_dead(struct index_part *p)
{
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];

    tombstones_init(&p->dead, p->segment.shape.row_count);
    if (p->dead_generation == 0) return OK;
    manifest_tombstones_name(p->uuid, p->dead_generation, name);
    TRY(disk_path(str_from_c(p->folder), str_from_c(name), path));
    TRY(tombstones_load(&p->dead, p->disk, str_from_c(path)));
    p->dead_saved = p->dead.dead;
    return OK;
}

static str section_of(const struct index_part *p, enum segment_type type, uint16_t number)
{
    const struct segment_section *s = segment_section(&p->segment, type, number);

    return s ? (str){(const char *)s->bytes, s->len} : STR("");
}

static err open_columns(struct index_part *p, const struct column_schema *schema)
{
    struct column_parts *parts = memory_alloc(COLUMN_SCHEMA_MAX * sizeof *parts);

    for (uint16_t i = 0; i < schema->count; i++) {
        parts[i].parts[COLUMN_PART_VALUES] = section_of(p, SEGMENT_COLUMN_VALUES, i);
        parts[i].parts[COLUMN_PART_PRESENCE] = section_of(p, SEGMENT_COLUMN_PRESENCE, i);
        parts[i].parts[COLUMN_PART_ORDER] = section_of(p, SEGMENT_COLUMN_ORDER, i);
        parts[i].parts[COLUMN_PART_DICT] = section_of(p, SEGMENT_COLUMN_DICT, i);
    }
    err e = columns_open(schema, (uint32_t)p->segment.shape.row_count, parts, &p->columns);
    memory_free(parts);
    return e;
}

static void close_part(struct index_part *p)
{
    tombstones_done(&p->dead);
    segment_close(&p->segment);
    memory_free(p);
}

err index_part_open(const struct index_part_options *o, struct index_part **out)
{
    struct index_part *p = memory_new(struct index_part);
    struct segment_damage why;
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];

    p->disk = o->disk;
    p->holders = 1;
    p->dead_generation = o->dead_generation;
    memcpy(p->uuid, o->uuid, sizeof p->uuid);
    manifest_segment_name(p->uuid, name);
    err e = file_path_copy(o->folder, p->folder);
    if (!e) e = disk_path(o->folder, str_from_c(name), path);
    if (!e) e = segment_open(&p->segment, str_from_c(path), o->check, &why);
    if (e) {
        memory_free(p);
        return e;
    }
    p->file_bytes = p->segment.file.len;
    if (memcmp(p->segment.shape.uuid, p->uuid, sizeof p->uuid) != 0) e = ERR_DAMAGED;
    if (!e) e = open_dead(p);
    if (!e) e = open_lists(p);
    if (!e) e = open_columns(p, o->schema);
    if (e) {
        close_part(p);
        return e;
    }
    *out = p;
    return OK;
}

struct index_part *index_part_hold(struct index_part *p)
{
    atomic_fetch_add_explicit(&p->holders, 1, memory_order_relaxed);
    return p;
}

void index_part_drop(struct index_part *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->holders, 1, memory_order_acq_rel) != 1) return;
    close_part(p);
}

err index_part_save_dead(struct index_part *p)
{
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];
    uint64_t saved = 0;

    if (p->dead.dead == p->dead_saved) return OK;
    manifest_tombstones_name(p->uuid, p->dead_generation + 1, name);
    TRY(disk_path(str_from_c(p->folder), str_from_c(name), path));
    TRY(tombstones_save(&p->dead, p->disk, str_from_c(path), &saved));
    p->dead_generation++;
    p->dead_saved = saved;
    return OK;
}
