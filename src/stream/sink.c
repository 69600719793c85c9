#include "stream/sink.h"

bool sink_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    return sink->kind->write(sink, data, size_bytes, error);
}

/* From the first to the last: what a filter still holds goes to the one behind it. */
bool sink_commit(Sink *sink, GError **error)
{
    for (; sink != NULL; sink = sink->next) {
        if (!sink->kind->commit(sink, error))
            return false;
        sink->committed = true;
    }
    return true;
}

void sink_free(Sink *sink)
{
    while (sink != NULL) {
        Sink *next = sink->next;
        sink->kind->discard(sink);
        g_free(sink);
        sink = next;
    }
}
