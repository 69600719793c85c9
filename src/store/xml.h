/*
 * XML: what stores answer, as a tree to read; the only place that includes libxml2. Names are local
 * names: namespaces differ from store to store and do not matter here.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Xml Xml;
typedef struct _xmlNode XmlNode;

/* No entity is expanded, nothing is loaded. ERROR_IO if it is no XML. */
Xml *xml_parse(const void *text, size_t size_bytes, GError **error);
void xml_free(Xml *xml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Xml, xml_free)

const XmlNode *xml_root(const Xml *xml);
bool xml_is(const XmlNode *node, const char *name);

/* The first child, or the next sibling, of this name; NULL: none. */
const XmlNode *xml_child(const XmlNode *node, const char *name);
const XmlNode *xml_next(const XmlNode *node, const char *name);

/* The text of the child of this name; NULL if there is none. The caller frees it with g_free(). */
char *xml_text(const XmlNode *node, const char *name);
