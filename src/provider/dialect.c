#include "provider/dialect.h"

const struct dialect *dialect_find(str name)
{
    static const struct dialect *const all[] = {&dialect_openai, &dialect_anthropic,
                                                &dialect_sluice};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (str_eq(all[i]->name, name)) return all[i];
    }
    return NULL;
}
