"""HTTPS to the two companions, with what the demo's own programs trust."""

import http.client
import json
import ssl
import urllib.parse

PATIENCE_S = 30


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()

    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Web:
    """`ca`: PEM file, who issued the certificates of those who are asked."""

    def __init__(self, ca):
        self.context = ssl.create_default_context(cafile=str(ca))

    def ask(self, method, url, body=None, headers=None):
        """`body`: a dict is sent as a form, other objects that are no text as JSON."""
        place = urllib.parse.urlsplit(url)
        sent = dict(headers or {})
        if isinstance(body, dict) and "Content-Type" not in sent:
            body = urllib.parse.urlencode(body)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None and not isinstance(body, str):
            body = json.dumps(body)
        connection = http.client.HTTPSConnection(place.netloc, timeout=PATIENCE_S,
                                                 context=self.context)
        try:
            target = place.path + (f"?{place.query}" if place.query else "")
            connection.request(method, target, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def told(self, method, url, body=None, headers=None, status=200):
        """JSON of an answer that has to have this status."""
        answer = self.ask(method, url, body, headers)
        if answer.status != status:
            raise RuntimeError(f"{method} {url}: {answer.status} {answer.text()[:400]}")
        return answer.json()
