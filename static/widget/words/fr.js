// French; words.js names the lines.
export default `Bonjour ! Que voulez-vous savoir ?
Posez une question…
Envoyer
Arrêter
Fermer
Nouvelle conversation
Plus
Effacer mes données
Vraiment tout effacer ?
Confidentialité
Les réponses viennent d’une IA et peuvent être fausses.
Votre question :
Réponse :
Sources
Copier
Copié
Bonne réponse
Mauvaise réponse
Modifier
Modifiez la question. La suite sera retirée.
Annuler
Réessayer
Aller à la fin
Envoi…
Recherche dans le blog…
Réflexion…
Reprise là où c’était arrêté…
Reconnexion…
Vous êtes hors ligne. La réponse reprendra ensuite.
La suite de cette réponse n’existe plus.
Arrêté.
La réponse a atteint sa longueur maximale.
La réponse s’arrête ici : elle a été refusée.
La réponse n’a pas pu être terminée.
Votre question n’a pas pu être envoyée.
Le serveur n’a rien reçu. Veuillez réessayer.
Le serveur a encore vos données. Veuillez les effacer de nouveau.`;
