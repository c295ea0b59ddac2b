// German; words.js names the lines.
export default `Hallo! Was möchtest du wissen?
Stell eine Frage …
Senden
Stoppen
Schließen
Neues Gespräch
Mehr
Meine Daten löschen
Wirklich alles löschen?
Datenschutz
Antworten stammen von einer KI und können falsch sein.
Deine Frage:
Antwort:
Quellen
Kopieren
Kopiert
Gute Antwort
Schlechte Antwort
Bearbeiten
Frage bearbeiten. Was ihr folgt, entfällt.
Abbrechen
Erneut versuchen
Zum Ende springen
Wird gesendet …
Durchsucht den Blog …
Denkt nach …
Macht dort weiter, wo es aufhörte …
Verbindet neu …
Du bist offline. Danach geht die Antwort weiter.
Der Rest dieser Antwort ist nicht mehr da.
Gestoppt.
Die Antwort erreichte ihre größte Länge.
Die Antwort endet hier: Sie wurde abgelehnt.
Die Antwort wurde nicht fertig.
Deine Frage konnte nicht gesendet werden.
Das kam nicht beim Server an. Bitte noch einmal.
Der Server hat deine Daten noch. Bitte noch einmal löschen.`;
