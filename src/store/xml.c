#include "store/xml.h"

#include "base/error.h"
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <string.h>

struct Xml {
    xmlDoc *document;
};

/* Before the first of several threads parses. */
static void initialise(void)
{
    static gsize done;
    if (g_once_init_enter(&done)) {
        xmlInitParser();
        g_once_init_leave(&done, 1);
    }
}

Xml *xml_parse(const void *text, size_t size_bytes, GError **error)
{
    static const int options =
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
    xmlDoc *document = NULL;
    Xml *xml = NULL;
    initialise();
    if (size_bytes > 0 && size_bytes < INT_MAX)
        document = xmlReadMemory(text, (int)size_bytes, NULL, NULL, options);
    if (document == NULL || xmlDocGetRootElement(document) == NULL) {
        xmlFreeDoc(document);
        error_set(error, ERROR_IO, "the answer is no XML");
        return NULL;
    }
    xml = g_new0(Xml, 1);
    xml->document = document;
    return xml;
}

void xml_free(Xml *xml)
{
    if (xml == NULL)
        return;
    xmlFreeDoc(xml->document);
    g_free(xml);
}

const XmlNode *xml_root(const Xml *xml)
{
    return xmlDocGetRootElement(xml->document);
}

bool xml_is(const XmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const XmlNode *first_from(const XmlNode *node, const char *name)
{
    while (node != NULL && !xml_is(node, name))
        node = node->next;
    return node;
}

const XmlNode *xml_child(const XmlNode *node, const char *name)
{
    return first_from(node->children, name);
}

const XmlNode *xml_next(const XmlNode *node, const char *name)
{
    return first_from(node->next, name);
}

char *xml_text(const XmlNode *node, const char *name)
{
    const XmlNode *child = xml_child(node, name);
    xmlChar *content = child != NULL ? xmlNodeGetContent(child) : NULL;
    char *text = g_strdup((const char *)content);
    if (content != NULL)
        xmlFree(content);
    return text;
}
