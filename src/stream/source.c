#include "stream/source.h"

bool source_read(Source *source, void *data, size_t size_bytes, size_t *got, GError **error)
{
    *got = 0;
    return source->kind->read(source, data, size_bytes, got, error);
}

void source_free(Source *source)
{
    while (source != NULL) {
        Source *next = source->next;
        source->kind->clear(source);
        g_free(source);
        source = next;
    }
}
